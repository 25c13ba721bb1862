// All that is known of one process, beside the page. The address of the page names it (#pid-4711), so it can be passed on.
const LISTED = 100;

const byAddress = new Map();
function addressAll() {
  for (const process of processes.filter((one) => one.address === undefined)) {
    // A number that the kernel gave out again has a second address.
    let address = `pid-${process.pid}`;
    for (let again = 2; byAddress.has(address); again += 1) {
      address = `pid-${process.pid}-${again}`;
    }
    byAddress.set(address, process);
    process.address = address;
  }
}
addressAll();

const linkTo = (process, kind) => make("a", { class: kind, href: `#${process.address}` }, label(process));

// Names of processes in tables that were on the page before the script.
function linkOwners() {
  for (const row of document.querySelectorAll("main tr[data-owners]")) {
    const owners = row.dataset.owners.split(" ").map((owner) => byRow[Number(owner)]);
    if (owners.length > 3 || row.dataset.linked === "true") {
      continue;
    }
    row.dataset.linked = String(!owners.includes(undefined));
    for (const cell of row.cells) {
      for (const owner of owners.filter((one) => one !== undefined)) {
        const text = [...cell.childNodes].find((node) => node.nodeType === 3 && node.data.includes(label(owner)));
        if (text !== undefined) {
          const rest = text.splitText(text.data.indexOf(label(owner)));
          rest.data = rest.data.slice(label(owner).length);
          rest.before(linkTo(owner, "process"));
        }
      }
    }
  }
}

function part(title, ...content) {
  return content.length === 0 ? [] : [make("h3", {}, title), ...content];
}

// A list with an end: of thousands of children a pane shows some.
function listed(title, all, draw) {
  if (all.length === 0) {
    return [];
  }
  const list = make("ul", {}, ...all.slice(0, LISTED).map((one) => make("li", {}, ...[draw(one)].flat())));
  const rest = all.length - LISTED;
  const more = rest > 0 ? [make("p", { class: "note" }, `and ${grouped(rest)} more`)] : [];
  return part(`${title} (${grouped(all.length)})`, list, ...more);
}

function ancestors(process) {
  const line = [];
  let current = byRow[process.parent];
  while (current !== undefined && line.length < LISTED && !line.includes(current)) {
    line.unshift(current);
    current = byRow[current.parent];
  }
  return line;
}

function brief(process) {
  return [linkTo(process, "who"), make("span", { class: "note" }, ` ${state(process)} · ${string(process.program)}`)];
}

function described(process) {
  const users = [
    string(process.user),
    process.real_user < 0 ? "" : `real user ${string(process.real_user)}`,
    process.login_user < 0 ? "" : `login of ${string(process.login_user)}`,
    process.former_users < 0 ? "" : `before: ${string(process.former_users)}`,
  ];
  return [
    ["tree", string(process.tree)],
    ["why", why(process)],
    ["users", users.filter((text) => text !== "").join(", ")],
    ["executable", string(process.exe)],
    ["directory", string(process.cwd)],
    ["unit", string(process.unit)],
    ["started", process.start < 0 ? "before the recording" : `${seconds(process.start)}, ${atTime(process.start)}`],
    ["ended", process.end < 0 ? "still ran at the end" : `${state(process)} after ${lasting(process.life)}`],
    ["other names", string(process.names)],
  ];
}

// Without an exec a process runs what its parent ran.
function commandLine(process) {
  let current = process;
  for (let up = 0; string(current.program) === "(no exec)" && up < LISTED; up += 1) {
    const parent = byRow[current.parent];
    if (parent === undefined) {
      break;
    }
    current = parent;
  }
  return current === process ? string(process.program) : `${string(current.program)}\n(of ${label(current)}: no exec since)`;
}

function connectionsOf(process) {
  const all = process.connections ?? [];
  if (all.length === 0) {
    return [];
  }
  const columns = [["Start", "number"], ["Remote", "remote"], ["State", ""], ["Sent", "number"], ["Received", "number"]];
  const head = make("tr", {}, ...columns.map(([name, kind]) => make("th", { scope: "col", class: kind }, name)));
  const rows = all.slice(0, LISTED).map((one) => {
    const names = string(one.names);
    const texts = [
      one.start < 0 ? "before" : (one.start / 1e6).toFixed(3), names === "" ? string(one.remote) : `${string(one.remote)}\n${names}`,
      string(one.state), size(one.sent), size(one.received),
    ];
    return make("tr", {}, ...texts.map((text, place) => make("td", { class: columns[place][1] }, text)));
  });
  const title = `Connections (${grouped(all.length)})`;
  const table = make("table", {}, make("caption", {}, title), make("thead", {}, head), make("tbody", {}, ...rows));
  const rest = all.length - LISTED;
  const more = rest > 0 ? [make("p", { class: "note" }, `and ${grouped(rest)} more`)] : [];
  return part(title, make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": title }, table), ...more);
}

function drawPane(process) {
  const close = make("button", { type: "button", class: "close", "aria-label": "Close", click: closePane }, "×");
  const inTree = make("button", { type: "button", click: () => { goTo(process); } }, "Show in the tree");
  const list = make("dl", { class: "pairs" });
  for (const [name, value] of described(process).filter((row) => row[1] !== "")) {
    list.append(make("div", {}, make("dt", {}, name), make("dd", {}, value)));
  }
  const children = processes.filter((one) => one.parent === process.row);
  const kinds = [...new Set((process.facts ?? []).map((fact) => fact.kind))];
  const factsOf = (kind) => process.facts.filter((fact) => fact.kind === kind);
  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  found("pane").replaceChildren(
    make("div", { class: "pane-head" }, make("h2", { id: "pane-title" }, label(process)), close),
    make("pre", { class: "command", tabindex: "0", "aria-label": "Command line" }, commandLine(process)),
    list,
    make("p", { class: "tools" }, inTree),
    ...kinds.flatMap((kind) => listed(capital(string(kind)), factsOf(kind), (fact) => string(fact.text))),
    ...connectionsOf(process),
    ...listed("Parents", ancestors(process), brief),
    ...listed("Children", children, brief),
  );
}

let opener = null;

// Shows the process that the address of the page names, or closes the pane.
function followAddress() {
  const process = byAddress.get(location.hash.slice(1));
  const pane = found("pane");
  if (process === undefined) {
    pane.hidden = true;
    return;
  }
  if (pane.hidden) {
    opener = document.activeElement;
  }
  drawPane(process);
  pane.hidden = false;
  pane.scrollTop = 0;
  pane.focus();
}

function closePane() {
  history.replaceState(null, "", location.href.split("#")[0]);
  found("pane").hidden = true;
  if (opener?.isConnected) {
    opener.focus();
  }
}

function startPane() {
  linkOwners();
  window.addEventListener("hashchange", followAddress);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !found("pane").hidden) {
      closePane();
    }
  });
  // The same address again is no change of it.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#pid-']");
    if (link !== null && link !== undefined && link.hash === location.hash) {
      followAddress();
    }
  });
  followAddress();
}
