// What the page knows: processes and connections as objects, whose texts are numbers of strings. Nothing is drawn here,
// and no text ever becomes markup: elements are made by `make`, which sets textContent.
const data = JSON.parse(document.getElementById("data").textContent);

function objects(fields, numbers) {
  const all = [];
  for (let start = 0; start < numbers.length; start += fields.length) {
    const one = { row: all.length };
    fields.forEach((field, place) => { one[field] = numbers[start + place]; });
    all.push(one);
  }
  return all;
}

const processes = objects(data.process_fields, data.processes);
const connections = objects(data.connection_fields, data.connections);

const string = (place) => (place < 0 ? "" : data.strings[place]);

// Trees in the order of the table that is on the page already, by the number of their name.
const treeNames = [...new Set(processes.map((process) => process.tree))];
const inTable = [...document.querySelectorAll("#trees tbody tr th")].map((cell) => cell.textContent);
treeNames.sort((a, b) => inTable.indexOf(string(a)) - inTable.indexOf(string(b)));

// Children in the same tree, and those that begin one.
const kin = processes.map(() => []);
const roots = new Map(treeNames.map((name) => [name, []]));
for (const process of processes) {
  const parent = processes[process.parent];
  if (parent !== undefined && parent.tree === process.tree) {
    kin[parent.row].push(process);
  } else {
    roots.get(process.tree).push(process);
  }
}
for (const connection of connections) {
  const owner = processes[connection.owner];
  if (owner !== undefined) {
    (owner.connections ??= []).push(connection);
  }
}

const failed = (process) => process.end >= 0 && string(process.end) !== "0";
const label = (process) => (process === undefined ? "?" : `${string(process.name)} [${process.pid}]`);
const seconds = (micros) => `${(micros / 1e6).toFixed(6)} s`;
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
