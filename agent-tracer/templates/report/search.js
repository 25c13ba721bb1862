// What matches the search: every word has to be in some text of a process, of a connection of it, or of a row. Parts of the page that
// show processes or connections ask here, and are told when the answer changes.
const search = {
  words: [],
  tree: -1,
  isActive: false,
  listeners: [],
};

const PROCESS_TEXTS = ["name", "user", "program", "exe", "unit", "names", "tree", "started_for"];
const CONNECTION_TEXTS = ["remote", "names", "tag", "local", "state"];

function hits(texts, containing, one) {
  return texts.some((field) => one[field] >= 0 && containing[one[field]]);
}

function runSearch(text, tree) {
  search.words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
  search.tree = tree;
  search.isActive = search.words.length > 0 || tree >= 0;
  processes.forEach((process) => { process.isHit = true; });
  connections.forEach((connection) => { connection.isHit = true; });
  for (const word of search.words) {
    // Each text is looked through once, however many processes have it.
    const containing = data.strings.map((string) => string.toLowerCase().includes(word));
    const own = [];
    const byConnection = [];
    for (const process of processes) {
      own[process.row] = String(process.pid) === word || hits(PROCESS_TEXTS, containing, process);
    }
    for (const connection of connections) {
      const matches = hits(CONNECTION_TEXTS, containing, connection);
      if (matches && connection.owner >= 0) {
        byConnection[connection.owner] = true;
      }
      connection.isHit &&= matches || own[connection.owner] === true;
    }
    processes.forEach((process) => { process.isHit &&= own[process.row] || byConnection[process.row] === true; });
  }
  if (tree >= 0) {
    processes.forEach((process) => { process.isHit &&= process.tree === tree; });
    connections.forEach((connection) => { connection.isHit &&= byRow[connection.owner]?.tree === tree; });
  }
  showRows();
  search.listeners.forEach((listener) => listener());
  sayFound();
}

// Rows that are on the page from the start: hidden where nothing of what they are about matches.
function showRows() {
  const groups = new Set();
  connections.forEach((connection) => {
    if (connection.isHit) {
      groups.add(String(connection.group));
    }
  });
  for (const table of document.querySelectorAll("main section[id] table")) {
    const section = table.closest("section");
    if (["completeness", "flow", "connections"].includes(section.id)) {
      continue;
    }
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      row.hidden = search.isActive && !rowMatches(row, groups, section.id);
      shown += row.hidden ? 0 : 1;
    }
    const nothing = section.querySelector(".nothing");
    if (nothing !== null) {
      nothing.hidden = shown > 0;
    }
  }
}

function rowMatches(row, groups, section) {
  if (row.dataset.group !== undefined) {
    return groups.has(row.dataset.group);
  }
  if (section === "trees") {
    const tree = treeNames.find((name) => string(name) === row.cells[0].textContent);
    return processes.some((process) => process.tree === tree && process.isHit);
  }
  const owners = (row.dataset.owners ?? "").split(" ").filter((owner) => owner !== "").map((owner) => byRow[Number(owner)]);
  const inTree = search.tree < 0 || owners.some((owner) => owner?.tree === search.tree);
  const text = row.textContent.toLowerCase();
  const hasWords = search.words.every((word) => text.includes(word));
  return inTree && (hasWords || owners.some((owner) => owner?.isHit));
}

function sayFound() {
  const count = (all) => all.reduce((sum, one) => sum + (one.isHit ? 1 : 0), 0);
  const rows = [...document.querySelectorAll("#destinations tbody tr")];
  const destinations = rows.filter((row) => !row.hidden).length;
  found("found").textContent = search.isActive
    ? `${grouped(count(processes))} of ${grouped(processes.length)} processes, ${grouped(count(connections))} of ${grouped(connections.length)} connections, ${grouped(destinations)} of ${grouped(rows.length)} destinations`
    : "";
}
