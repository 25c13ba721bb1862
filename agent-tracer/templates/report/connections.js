// Single connections, some at a time.
const ROWS = 200;
// Rows on paper.
const PAPER_ROWS = 60;

const COLUMNS = [
  ["Time", "number"], ["Tree", ""], ["Process", ""], ["Remote", ""], ["Name", "long"], ["Tag", ""],
  ["State", ""], ["Lasted", "number"], ["Sent", "number"], ["Received", "number"],
];

function drawConnections(limit) {
  const place = found("connection-table");
  if (place === null) {
    return;
  }
  const wanted = connections.filter((connection) => connection.isHit);
  const head = make("tr", {}, ...COLUMNS.map(([name, kind]) => make("th", { scope: "col", class: kind }, name)));
  const body = make("tbody", {}, ...wanted.slice(0, limit).map(connectionRow));
  const table = make("table", {}, make("caption", {}, "Connections"), make("thead", {}, head), body);
  const parts = [make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Connections" }, table)];
  if (wanted.length > limit) {
    const left = wanted.length - limit;
    const more = make("button", { type: "button" }, `Show ${grouped(Math.min(left, ROWS))} of ${grouped(left)} more`);
    more.addEventListener("click", () => {
      drawConnections(limit + ROWS);
      const first = found("connection-table").querySelector("tbody").rows[limit];
      first.tabIndex = -1;
      first.focus();
    });
    parts.push(make("p", { class: "tools" }, more));
    parts.push(make("p", { class: "note" }, `${grouped(limit)} of ${grouped(wanted.length)} connections are shown.`));
  }
  if (wanted.length === 0) {
    parts.push(make("p", { class: "note" }, "Nothing here matches the search."));
  }
  place.replaceChildren(...parts);
}

function connectionRow(connection) {
  const owner = byRow[connection.owner];
  const dash = (text) => (text === "" ? "-" : text);
  const texts = [
    connection.start < 0 ? "before" : (connection.start / 1e6).toFixed(6),
    owner === undefined ? "-" : string(owner.tree),
    label(owner),
    string(connection.remote),
    dash(string(connection.names)),
    dash(string(connection.tag)),
    `${connection.failed ? "△ " : ""}${string(connection.state)}`,
    connection.life < 0 || connection.start < 0 ? "-" : seconds(connection.life),
    size(connection.sent),
    size(connection.received),
  ];
  const cells = texts.map((text, place) => {
    const kind = { class: COLUMNS[place][1] };
    if (COLUMNS[place][0] === "Process" && owner !== undefined) {
      return make("td", kind, linkTo(owner, "process"));
    }
    return COLUMNS[place][0] === "Remote" ? make("th", { scope: "row" }, text) : make("td", kind, text);
  });
  return make("tr", {}, ...cells);
}

// The rows of the destinations that are shown, separated by tabs, as spreadsheets and mails take them.
function copyDestinations() {
  const table = document.querySelector("#destinations table");
  const rows = [...table.rows].filter((row) => !row.hidden);
  const text = rows.map((row) => [...row.cells].map((cell) => cell.textContent.replaceAll("\n", " ")).join("\t")).join("\n");
  const area = found("copy-text");
  area.value = `${text}\n`;
  area.hidden = false;
  area.focus();
  area.select();
  const said = `${rows.length - 1} rows are selected below`;
  found("copied").textContent = said;
  // Not every browser lets a local file write to the clipboard; the selection is there in any case.
  navigator.clipboard?.writeText(area.value).then(
    () => { found("copied").textContent = `${rows.length - 1} rows are copied`; },
    () => {},
  );
}
