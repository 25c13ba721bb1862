// What the page knows: processes and connections as objects, whose texts are numbers of strings. Nothing is drawn here,
// and no text ever becomes markup: elements are made by `make`, which sets textContent.
const data = JSON.parse(document.getElementById("data").textContent);

// What is there so far, in the order of rows. A large recording has parts that are loaded later; a row keeps its number.
const processes = [];
const connections = [];
const byRow = [];

const string = (place) => (place < 0 ? "" : data.strings[place]);

// Trees in the order of the table that is on the page already, by the number of their name.
const treeNames = [];
const treeSizes = new Map();
// Those that begin a tree.
const roots = new Map();

function objects(fields, numbers, from) {
  const all = [];
  for (let start = 0; start < numbers.length; start += fields.length) {
    const one = { row: from + all.length };
    fields.forEach((field, place) => { one[field] = numbers[start + place]; });
    all.push(one);
  }
  return all;
}

// Adds a part: its processes, their connections and facts. `place` gives the number of each of its texts on this page.
function addPart(part, place) {
  const named = (fields, texts, numbers, from) => {
    const all = objects(fields, numbers, from);
    for (const one of all) {
      texts.forEach((text) => { one[text] = one[text] < 0 ? -1 : place(one[text]); });
    }
    return all;
  };
  for (const process of named(data.process_fields, data.process_texts, part.processes, part.first)) {
    process.isHit = true;
    process.connections = undefined;
    process.facts = undefined;
    processes.push(process);
    byRow[process.row] = process;
  }
  for (const connection of named(data.connection_fields, data.connection_texts, part.connections, 0)) {
    connection.isHit = true;
    connections.push(connection);
    const owner = byRow[connection.owner];
    if (owner !== undefined) {
      (owner.connections ??= []).push(connection);
    }
  }
  for (const fact of named(data.fact_fields, data.fact_texts, part.facts, 0)) {
    (byRow[fact.owner].facts ??= []).push(fact);
  }
}

// Finds the trees, and the children in the same tree, of what is there.
function arrange() {
  processes.sort((a, b) => a.row - b.row);
  if (data.trees.length > 0) {
    connections.sort((a, b) => a.start - b.start);
  }
  treeSizes.clear();
  for (const process of processes) {
    process.kin = [];
    treeSizes.set(process.tree, (treeSizes.get(process.tree) ?? 0) + 1);
  }
  for (const tree of data.trees) {
    treeSizes.set(tree.name, tree.processes);
  }
  const inTable = [...document.querySelectorAll("#trees tbody tr th")].map((cell) => cell.textContent);
  const order = new Map(inTable.map((name, place) => [name, place]));
  treeNames.splice(0, treeNames.length, ...treeSizes.keys());
  treeNames.sort((a, b) => (order.get(string(a)) ?? -1) - (order.get(string(b)) ?? -1));
  roots.clear();
  treeNames.forEach((name) => roots.set(name, []));
  for (const process of processes) {
    const parent = byRow[process.parent];
    if (parent !== undefined && parent.tree === process.tree) {
      parent.kin.push(process);
    } else {
      roots.get(process.tree).push(process);
    }
  }
}

addPart(data, (place) => place);
arrange();

const failed = (process) => process.end >= 0 && string(process.end) !== "0";
const label = (process) => (process === undefined ? "?" : `${string(process.name)} [${process.pid}]`);
const seconds = (micros) => `${(micros / 1e6).toFixed(6)} s`;
const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ",");
const atTime = (start) => `${new Date(data.began + start / 1e3).toISOString().replace("T", " ").replace("Z", "")} UTC`;
const begun = (start) => (start < 0 ? "before the recording" : seconds(start));

function size(bytes) {
  if (bytes < 0) {
    return "-";
  }
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(1)} ${["B", "KiB", "MiB", "GiB", "TiB"][unit]}`;
}

// A duration with about three digits.
function lasting(micros) {
  const whole = micros / 1e6;
  if (whole < 0.001) {
    return `${Math.round(micros)} µs`;
  }
  if (whole < 1) {
    return `${(micros / 1e3).toFixed(1)} ms`;
  }
  if (whole < 60) {
    return `${whole.toFixed(1)} s`;
  }
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${Math.floor(whole % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function why(process) {
  const parts = [string(process.reason), string(process.started_for)];
  return parts.filter((part) => part !== "").join("; ");
}

// An element with attributes and children; strings become text.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "click") {
      element.addEventListener("click", value);
    } else {
      element.setAttribute(name, value);
    }
  }
  element.append(...children);
  return element;
}

const found = (id) => document.getElementById(id);
