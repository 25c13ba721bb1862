// The process trees. Of thousands of processes only those are made into elements that somebody opened, some at a time.
const CHUNK = 100;
// Processes that are open at first, and after a search.
const BUDGET = 400;
// Levels that are indented; what is deeper stays where it is.
const DEEPEST = 24;
// Levels that open by themselves: a page of thousands, each in the other, is more than a browser draws.
const OPENED = 100;
// Levels that are open at first: what follows on the page is not to be pages away.
const FIRST = 2;
// Processes that are printed.
const PRINTED = 5000;

const forest = { budget: 0, levels: 0, visible: null };

function drawForest(budget) {
  forest.budget = budget;
  forest.levels = search.isActive || budget > BUDGET ? OPENED : FIRST;
  forest.visible = search.isActive ? withAncestors() : null;
  const shown = treeNames.filter((name) => isVisibleTree(name));
  const isSystem = (name) => string(name) === "system" && treeNames.length > 1;
  const trees = shown.map((name) => drawTree(name, budget > BUDGET || (budget > 0 && (!isSystem(name) || search.isActive))));
  found("forest").replaceChildren(...trees);
}

function withAncestors() {
  const visible = processes.map(() => false);
  processes.forEach((process, row) => {
    let current = search.processes[row] ? process : undefined;
    while (current !== undefined && !visible[current.row]) {
      visible[current.row] = true;
      const parent = processes[current.parent];
      current = parent?.tree === current.tree ? parent : undefined;
    }
  });
  return visible;
}

const isVisible = (process) => forest.visible === null || forest.visible[process.row];
const isVisibleTree = (name) => roots.get(name).some(isVisible);

function drawTree(name, isOpen) {
  const details = make("details", { class: "forest-tree" }, make("summary", {}, string(name)));
  const fill = () => {
    if (details.childElementCount === 1) {
      details.append(drawKin(roots.get(name), 0));
    }
  };
  // Closed, it is empty.
  details.addEventListener("toggle", () => { if (details.open) { fill(); } });
  if (isOpen && forest.budget > 0) {
    fill();
    details.open = true;
  }
  return details;
}

function drawKin(all, depth) {
  const wanted = all.filter(isVisible);
  const list = make("ul", { class: depth > DEEPEST ? "kin deep" : "kin" });
  addKin(list, wanted, 0, depth);
  return list;
}

function addKin(list, wanted, from, depth) {
  const count = Math.max(CHUNK, Math.min(forest.budget, PRINTED));
  for (const process of wanted.slice(from, from + count)) {
    list.append(drawProcess(process, depth));
  }
  const left = wanted.length - from - count;
  if (left > 0) {
    const more = make("button", { type: "button" }, `Show ${Math.min(left, CHUNK)} of ${left} more`);
    const item = make("li", { class: "more" }, more);
    more.addEventListener("click", () => {
      forest.budget = 0;
      item.remove();
      addKin(list, wanted, from + count, depth);
      list.children[from + count]?.querySelector(".who")?.focus();
    });
    list.append(item);
  }
}

function drawProcess(process, depth) {
  forest.budget -= 1;
  const children = kin[process.row].filter(isVisible);
  const item = make("li", {});
  const who = make("button", { type: "button", class: "who", "aria-expanded": "false" }, label(process));
  who.addEventListener("click", () => toggleAbout(item, who, process));
  const line = make("div", { class: search.isActive && !search.processes[process.row] ? "node other" : "node", id: `p${process.row}` });
  if (children.length > 0) {
    line.append(twist(item, process, children, depth));
  } else {
    line.append(make("span", { class: "twist", "aria-hidden": "true" }, "·"));
  }
  line.append(who, make("span", { class: failed(process) ? "state failed" : "state" }, state(process)));
  line.append(make("span", { class: "user" }, string(process.user)));
  line.append(make("span", { class: "program" }, string(process.program)));
  item.append(line);
  if (children.length > 0 && forest.budget > 0 && depth + 1 < forest.levels) {
    line.firstChild.setAttribute("aria-expanded", "true");
    line.firstChild.textContent = "▾";
    item.append(drawKin(children, depth + 1));
  }
  return item;
}

function state(process) {
  if (process.end < 0) {
    return "running";
  }
  const end = string(process.end);
  return /^\d+$/.test(end) ? `exit ${end}` : end;
}

function twist(item, process, children, depth) {
  const text = `${children.length} below ${label(process)}`;
  const button = make("button", { type: "button", class: "twist", "aria-expanded": "false", "aria-label": text }, "▸");
  button.addEventListener("click", () => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    button.textContent = isOpen ? "▸" : "▾";
    if (isOpen) {
      item.querySelector(":scope > .kin").remove();
    } else {
      forest.budget = CHUNK;
      item.append(drawKin(children, depth + 1));
    }
  });
  return button;
}

// Everything about one process, below it.
function toggleAbout(item, who, process) {
  const before = item.querySelector(":scope > .about");
  who.setAttribute("aria-expanded", String(before === null));
  if (before !== null) {
    before.remove();
    return;
  }
  const rows = [
    ["why", why(process)], ["command line", string(process.program)], ["executable", string(process.exe)],
    ["started", begun(process.start)],
    ["ended", process.end < 0 ? "still ran at the end" : `${state(process)} after ${seconds(process.life)}`],
    ["parent", process.parent < 0 ? "" : `${label(processes[process.parent])} in ${string(processes[process.parent].tree)}`],
    ["user", string(process.user)], ["unit", string(process.unit)], ["other names", string(process.names)],
    ...(process.connections ?? []).slice(0, CHUNK).map((one) => ["connection", `${string(one.remote)} ${string(one.names)} ${string(one.state)}`]),
  ];
  const list = make("dl", { class: "pairs" });
  for (const [name, value] of rows.filter((row) => row[1] !== "")) {
    list.append(make("div", {}, make("dt", {}, name), make("dd", {}, value)));
  }
  item.querySelector(":scope > .node").after(make("div", { class: "about" }, list));
}

// Opens what is around a process, and goes there.
function goTo(process) {
  const line = [];
  let current = process;
  while (current !== undefined && line.length < processes.length) {
    line.unshift(current);
    const parent = processes[current.parent];
    current = parent?.tree === current.tree ? parent : undefined;
  }
  const tree = [...document.querySelectorAll("#forest > details")]
    .find((details) => details.firstChild.textContent === string(process.tree));
  if (tree === undefined) {
    return;
  }
  if (!tree.open) {
    if (tree.childElementCount === 1) {
      tree.append(drawKin(roots.get(process.tree), 0));
    }
    tree.open = true;
  }
  let list = tree.querySelector(":scope > .kin");
  for (const ancestor of line) {
    let node = found(`p${ancestor.row}`);
    let more = list?.lastElementChild?.querySelector(":scope > button");
    while (node === null && more?.parentElement.className === "more") {
      more.click();
      node = found(`p${ancestor.row}`);
      more = list.lastElementChild.querySelector(":scope > button");
    }
    const twistButton = node?.querySelector("button.twist");
    if (ancestor !== process && twistButton?.getAttribute("aria-expanded") === "false") {
      twistButton.click();
    }
    list = node?.parentElement.querySelector(":scope > .kin") ?? null;
  }
  const who = found(`p${process.row}`)?.querySelector(".who");
  who?.scrollIntoView({ block: "center" });
  who?.focus();
}
