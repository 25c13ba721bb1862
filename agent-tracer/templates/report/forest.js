// The process trees. Of thousands of processes only those are made into elements that somebody opened, some at a time.
const CHUNK = 100;
// Processes that are open at first, and after a search.
const BUDGET = 400;
// Levels that are indented; what is deeper stays where it is.
const DEEPEST = 24;
// Levels that open by themselves: a page of thousands, each in the other, is more than a browser draws.
const OPENED = 100;
// Levels that are open at first: what follows on the page is not to be pages away.
const FIRST = 3;
// Processes that "Open all" opens.
const ALL = 5000;
// Lines on paper: some five pages.
const PAPER = 900;

const forest = { budget: 0, levels: 0, isFiltered: false, opened: new Set(), unfolded: false, isPaper: false, folded: 0, drawn: 0, folds: new Map() };

function drawForest(budget, mode = "") {
  forest.budget = budget;
  forest.isPaper = mode === "paper";
  forest.unfolded = mode === "all";
  forest.folded = 0;
  forest.drawn = 0;
  forest.folds.clear();
  forest.levels = search.isActive || mode !== "" ? OPENED : FIRST;
  forest.isFiltered = search.isActive;
  if (search.isActive) {
    showAncestors();
  }
  const shown = treeNames.filter((name) => isVisibleTree(name) && !(forest.isPaper && isApart(name)));
  const isOpen = (name) => mode !== "" || (budget > 0 && (!isApart(name) || search.isActive || forest.opened.has(name)));
  found("forest").replaceChildren(...shown.map((name) => drawTree(name, isOpen(name))));
  if (forest.isPaper) {
    sayNotPrinted();
  }
}

// Bystanders stay closed, and are not printed: a reviewer has come for the others.
const isApart = (name) => name === data.bystanders && treeNames.length > 1;

function sayNotPrinted() {
  const apart = processes.filter((process) => isApart(process.tree)).length;
  const rest = Math.max(processes.length - apart - forest.drawn - forest.folded, 0);
  const parts = [
    [apart, "bystanders"], [forest.folded, "equal processes, each in a line for several"], [rest, "processes past the limit of a printed page"],
  ];
  const said = parts.filter(([count]) => count > 0).map(([count, what]) => `${grouped(count)} ${what}`);
  found("not-printed").textContent = said.length === 0 ? "" : `Not printed one by one: ${said.join("; ")}. The page on a screen has them.`;
}

function showAncestors() {
  processes.forEach((process) => { process.isVisible = false; });
  for (const process of processes) {
    let current = process.isHit ? process : undefined;
    while (current !== undefined && !current.isVisible) {
      current.isVisible = true;
      const parent = byRow[current.parent];
      current = parent?.tree === current.tree ? parent : undefined;
    }
  }
}

const isVisible = (process) => !forest.isFiltered || process.isVisible;
const isVisibleTree = (name) => roots.get(name).some(isVisible) || (!forest.isFiltered && (leftInTree(name) > 0 || treeSizes.get(name) > 0));

function drawTree(name, isOpen) {
  const count = treeSizes.get(name);
  const said = ` ${grouped(count)} process${count === 1 ? "" : "es"}${isApart(name) ? ", bystanders" : ""}`;
  const summary = make("summary", {}, make("span", { class: "tree-name" }, string(name)), make("span", { class: "note" }, said));
  const details = make("details", { class: "forest-tree", "data-tree": String(name) }, summary);
  const fill = () => {
    if (details.childElementCount === 1) {
      details.append(drawKin(roots.get(name), 0), ...moreOfTree(name));
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
  const wanted = lines(all.filter(isVisible));
  const list = make("ul", { class: depth > DEEPEST ? "kin deep" : "kin" });
  addKin(list, wanted, 0, depth);
  return list;
}

function addKin(list, wanted, from, depth) {
  const count = forest.isPaper ? Math.max(forest.budget, 0) : Math.max(CHUNK, Math.min(forest.budget, ALL));
  for (const members of wanted.slice(from, from + count)) {
    if (forest.isPaper && forest.budget <= 0) {
      return;
    }
    list.append(members.length > 1 ? drawFold(members, depth) : drawProcess(members[0], depth));
  }
  const left = wanted.length - from - count;
  if (left > 0 && !forest.isPaper) {
    const more = make("button", { type: "button" }, `Show ${grouped(Math.min(left, CHUNK))} of ${grouped(left)} more`);
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
  forest.drawn += 1;
  const children = process.kin.filter(isVisible);
  const item = make("li", {});
  const line = make("div", { class: search.isActive && !process.isHit ? "node other" : "node", id: `p${process.row}` });
  if (children.length > 0) {
    line.append(twistFor(`${grouped(children.length)} below ${label(process)}`, () => drawKin(children, depth + 1)));
  } else {
    line.append(make("span", { class: "twist", "aria-hidden": "true" }, "·"));
  }
  const what = make("span", { class: "what" }, linkTo(process, "who"), make("span", { class: "program" }, string(process.program)));
  line.append(what, ...cellsOf(process, process.life < 0 ? "-" : lasting(process.life)));
  item.append(line);
  if (children.length > 0 && forest.budget > 0 && depth + 1 < forest.levels) {
    line.firstChild.setAttribute("aria-expanded", "true");
    line.firstChild.textContent = "▾";
    item.append(drawKin(children, depth + 1));
  }
  return item;
}

// The columns of a line, which end where those of all other lines end.
function cellsOf(process, life) {
  return [
    make("span", { class: "user" }, string(process.user)),
    make("span", { class: failed(process) ? "state failed" : "state" }, state(process)),
    make("span", { class: "start" }, process.start < 0 ? "before" : `${(process.start / 1e6).toFixed(3)} s`),
    make("span", { class: "life" }, life),
  ];
}

function state(process) {
  if (process.end < 0) {
    return "running";
  }
  const end = string(process.end);
  return /^\d+$/.test(end) ? `exit ${end}` : end;
}

// A button that opens and closes a list below its line.
function twistFor(text, draw) {
  const button = make("button", { type: "button", class: "twist", "aria-expanded": "false", "aria-label": text }, "▸");
  button.addEventListener("click", () => {
    const item = button.closest("li");
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    button.textContent = isOpen ? "▸" : "▾";
    if (isOpen) {
      item.querySelector(":scope > .kin").remove();
    } else {
      forest.budget = CHUNK;
      item.append(draw());
    }
  });
  return button;
}

// Opens what is around a process, and goes there.
function goTo(process) {
  const line = [];
  let current = process;
  while (current !== undefined && line.length < processes.length) {
    line.unshift(current);
    const parent = byRow[current.parent];
    current = parent?.tree === current.tree ? parent : undefined;
  }
  const tree = [...document.querySelectorAll("#forest > details")]
    .find((details) => details.dataset.tree === String(process.tree));
  if (tree === undefined) {
    return;
  }
  if (!tree.open) {
    if (tree.childElementCount === 1) {
      tree.append(drawKin(roots.get(process.tree), 0), ...moreOfTree(process.tree));
    }
    tree.open = true;
  }
  let list = tree.querySelector(":scope > .kin");
  for (const ancestor of line) {
    let node = found(`p${ancestor.row}`);
    const fold = forest.folds.get(ancestor.row);
    if (node === null && fold?.isConnected && fold.getAttribute("aria-expanded") === "false") {
      fold.click();
      node = found(`p${ancestor.row}`);
    }
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
