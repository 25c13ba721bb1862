// Equal siblings as one line: "grep ×60". Equal are processes of the same name, user and end, with equal ones below them. What has a
// connection, a change or another fact of its own is never folded, nor what still ran.
const SIBLINGS = 3;

function shapeAll() {
  const numbers = new Map();
  const numberOf = (process) => {
    if (process.end < 0 || process.connections !== undefined || process.facts !== undefined) {
      return -1;
    }
    // A child that has its place before its parent has no number yet.
    const below = [...new Set(process.kin.map((child) => (child.row > process.row ? child.shape : -1)))];
    if (below.includes(-1)) {
      return -1;
    }
    const key = [process.name, process.user, process.end, ...below.sort((a, b) => a - b)].join(" ");
    if (!numbers.has(key)) {
      numbers.set(key, numbers.size);
    }
    return numbers.get(key);
  };
  for (let place = processes.length - 1; place >= 0; place -= 1) {
    processes[place].shape = numberOf(processes[place]);
  }
}
shapeAll();

// Lines for siblings: of one process each, or of several. The first of equal ones gives the place.
function lines(siblings) {
  if (search.isActive || forest.unfolded) {
    return siblings.map((process) => [process]);
  }
  const equal = new Map();
  for (const process of siblings) {
    const key = process.shape < 0 ? `row ${process.row}` : process.shape;
    equal.has(key) ? equal.get(key).push(process) : equal.set(key, [process]);
  }
  return [...equal.values()]
    .flatMap((members) => (members.length < SIBLINGS ? members.map((process) => [process]) : [members]))
    .sort((a, b) => a[0].row - b[0].row);
}

// Counts a process with all below it in its tree.
function withDescendants(process) {
  let count = 0;
  const waiting = [process];
  while (waiting.length > 0) {
    const next = waiting.pop();
    count += 1;
    waiting.push(...next.kin);
  }
  return count;
}

function drawFold(members, depth) {
  forest.budget -= 1;
  const first = members[0];
  const all = members.reduce((sum, one) => sum + withDescendants(one), 0);
  forest.folded += all;
  const name = `${string(first.name)} ×${grouped(members.length)}`;
  const more = all > members.length ? `${grouped(all)} processes with those below` : "";
  const list = () => {
    forest.budget = Math.max(forest.budget, members.length);
    const open = make("ul", { class: "kin" });
    members.forEach((process) => open.append(drawProcess(process, depth + 1)));
    return open;
  };
  const twist = twistFor(more === "" ? name : `${name}, ${more}`, list);
  const isSame = members.every((one) => one.program === first.program);
  const what = make("span", { class: "what" },
    make("span", { class: "folded" }, name),
    ...(more === "" ? [] : [make("span", { class: "note" }, `${more} `)]),
    make("span", { class: "program" }, `${isSame ? "" : "such as "}${string(first.program)}`));
  const life = members.reduce((sum, one) => sum + Math.max(one.life, 0), 0);
  const line = make("div", { class: "node" }, twist, what, ...cellsOf(first, `Σ ${lasting(life)}`));
  members.forEach((one) => forest.folds.set(one.row, twist));
  return make("li", {}, line);
}
