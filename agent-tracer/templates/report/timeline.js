// Processes of each tree as bars, its connections as marks, over time. Drawn only where somebody looks; what is chosen is
// said in words below.
const BAR = 7;
const MOST_ROWS = 24;
const HEAD = 18;
const MARKS = 12;
const AXIS = 20;
// Browsers draw nothing on a canvas that is too high: 65,535 pixels, of which a sharp screen has three to one of ours.
const MOST_HEIGHT = 8000;

const timeline = { from: 0, to: 1, chosen: null, all: [], lanes: [], items: [], height: 0 };
const whole = Math.max(data.span, 1);

// Bars that do not overlap share a row. Past the last row they do overlap: a machine runs more at a time than a page has rows.
function layOut() {
  const ofTree = new Map(treeNames.map((name) => [name, { members: [], marks: [] }]));
  for (const process of processes) {
    ofTree.get(process.tree).members.push(bar(process));
  }
  for (const connection of connections) {
    ofTree.get(byRow[connection.owner]?.tree)?.marks.push({ connection, from: Math.max(connection.start, 0) });
  }
  const lanes = [];
  for (const name of treeNames) {
    const { members, marks } = ofTree.get(name);
    if (members.length + marks.length === 0) {
      continue;
    }
    members.sort((a, b) => a.from - b.from || a.process.row - b.process.row);
    const ends = [];
    for (const one of members) {
      let row = ends.findIndex((end) => end <= one.from);
      if (row < 0) {
        row = ends.length < MOST_ROWS ? ends.length : ends.indexOf(Math.min(...ends));
      }
      ends[row] = Math.max(ends[row] ?? 0, one.to);
      one.row = row;
    }
    const height = HEAD + ends.length * BAR + (marks.length > 0 ? MARKS : 0) + 6;
    lanes.push({ name, top: 0, rows: ends.length, members, marks, height });
  }
  timeline.all = lanes;
  stack();
}

// Puts the trees below one another, as many as there is room for; where there is none for all, only those that match the search.
function stack() {
  const total = timeline.all.reduce((sum, lane) => sum + lane.height, AXIS);
  const isTooMuch = total > MOST_HEIGHT;
  const hasMatch = (lane) => lane.members.some(matches) || lane.marks.some(matches);
  const wanted = isTooMuch && search.isActive ? timeline.all.filter(hasMatch) : timeline.all;
  let top = AXIS;
  timeline.lanes = [];
  for (const lane of wanted) {
    if (top + lane.height > MOST_HEIGHT) {
      break;
    }
    lane.top = top;
    top += lane.height;
    timeline.lanes.push(lane);
  }
  timeline.height = top;
  timeline.items = timeline.lanes.flatMap((lane) => [...lane.members, ...lane.marks]).sort((a, b) => a.from - b.from);
  const said = found("too-many");
  said.hidden = !isTooMuch;
  const which = search.isActive ? " that match the search" : "";
  said.textContent = `The first ${timeline.lanes.length} of ${wanted.length} trees${which} are drawn; the search and the choice of a tree show others.`;
}

function stackAgain() {
  if (found("canvas") !== null) {
    stack();
    drawTimeline();
  }
}

function bar(process) {
  const from = Math.max(process.start, 0);
  return { process, from, to: process.life < 0 ? whole : from + process.life };
}

const matches = (item) => (item.process === undefined
  ? item.connection.isHit
  : item.process.isHit);

function drawTimeline() {
  const canvas = found("canvas");
  if (canvas === null) {
    return;
  }
  // Paper is wider than some screens, and scales what it is given.
  const isPaper = document.documentElement.classList.contains("paper");
  const width = isPaper ? 1000 : canvas.clientWidth;
  const scale = isPaper ? 2 : window.devicePixelRatio || 1;
  canvas.style.height = `${timeline.height}px`;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(timeline.height * scale);
  const context = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  context.scale(scale, scale);
  context.font = "12px system-ui, sans-serif";
  const x = (time) => ((time - timeline.from) / (timeline.to - timeline.from)) * width;
  drawAxis(context, colour, width, x);
  for (const lane of timeline.lanes) {
    context.fillStyle = colour("line");
    context.fillRect(0, lane.top, width, 1);
    context.fillStyle = colour("ink");
    context.fillText(`${string(lane.name)}: processes ${grouped(lane.members.length)}, connections ${grouped(lane.marks.length)}`, 4, lane.top + 13);
    for (const one of lane.members) {
      const left = Math.max(x(one.from), -2);
      const right = Math.min(x(one.to), width + 2);
      if (right < 0 || left > width) {
        continue;
      }
      const y = lane.top + HEAD + one.row * BAR;
      const isBad = failed(one.process);
      const wide = Math.max(right - left, 1.5);
      context.globalAlpha = matches(one) ? 1 : 0.15;
      context.fillStyle = timeline.chosen === one ? colour("chosen") : colour(isBad ? "bad" : "bar");
      context.fillRect(left, y, wide, BAR - 2);
      if (isBad && wide > 8) {
        cross(context, colour("ground"), right - 5, y);
      }
    }
    const y = lane.top + HEAD + lane.rows * BAR + MARKS / 2;
    for (const mark of lane.marks) {
      const at = x(mark.from);
      if (at >= -5 && at <= width + 5) {
        context.globalAlpha = matches(mark) ? 1 : 0.15;
        context.fillStyle = context.strokeStyle = timeline.chosen === mark ? colour("chosen") : colour("mark");
        drawMark(context, at, y, mark.connection.failed);
      }
    }
    context.globalAlpha = 1;
  }
}

function cross(context, colour, x, y) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, y + 0.5);
  context.lineTo(x + 4, y + 4.5);
  context.moveTo(x + 4, y + 0.5);
  context.lineTo(x, y + 4.5);
  context.stroke();
}

function drawMark(context, x, y, hasFailed) {
  context.lineWidth = 1.5;
  context.beginPath();
  if (hasFailed) {
    context.moveTo(x, y - 4);
    context.lineTo(x + 4, y + 3);
    context.lineTo(x - 4, y + 3);
    context.closePath();
    context.stroke();
  } else {
    context.arc(x, y, 3, 0, 2 * Math.PI);
    context.fill();
  }
}

function drawAxis(context, colour, width, x) {
  const span = timeline.to - timeline.from;
  const rough = span / Math.max(2, Math.floor(width / 110));
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((value) => value >= rough) ?? rough;
  const digits = Math.max(0, 6 - Math.floor(Math.log10(step)));
  for (let time = Math.ceil(timeline.from / step) * step; time <= timeline.to; time += step) {
    context.fillStyle = colour("line");
    context.fillRect(x(time), 14, 1, timeline.height);
    context.fillStyle = colour("faint");
    context.fillText(`${(time / 1e6).toFixed(Math.min(digits, 6))} s`, Math.min(x(time) + 3, width - 52), 12);
  }
}

function moveTo(from, to) {
  const span = Math.min(Math.max(to - from, 10), whole);
  timeline.from = Math.min(Math.max(from, 0), whole - span);
  timeline.to = timeline.from + span;
  drawTimeline();
}

function zoom(factor, around) {
  const span = timeline.to - timeline.from;
  const centre = around ?? timeline.from + span / 2;
  const share = (centre - timeline.from) / span;
  moveTo(centre - span * factor * share, centre + span * factor * (1 - share));
}

const shift = (share) => moveTo(timeline.from + share * (timeline.to - timeline.from), timeline.to + share * (timeline.to - timeline.from));

function choose(item) {
  timeline.chosen = item;
  const said = found("chosen");
  if (item === null) {
    said.textContent = "";
  } else if (item.process === undefined) {
    const one = item.connection;
    said.textContent = `Connection of ${label(byRow[one.owner])} to ${string(one.remote)} ${string(one.names)}: ${string(one.state)}, at ${begun(one.start)}`;
  } else {
    const one = item.process;
    said.textContent = `${label(one)} in ${string(one.tree)}, ${state(one)}, from ${begun(one.start)}: ${string(one.program)}`;
  }
  drawTimeline();
}

// The next one that matches; what is chosen comes into view.
function step(direction) {
  const wanted = timeline.items.filter(matches);
  if (wanted.length === 0) {
    return;
  }
  const place = wanted.indexOf(timeline.chosen);
  const next = place < 0 ? 0 : Math.min(Math.max(place + direction, 0), wanted.length - 1);
  const item = wanted[next];
  if (item.from < timeline.from || item.from > timeline.to) {
    const half = (timeline.to - timeline.from) / 2;
    moveTo(item.from - half, item.from + half);
  }
  choose(item);
}

function itemAt(x, y) {
  const width = found("canvas").clientWidth;
  const time = timeline.from + (x / width) * (timeline.to - timeline.from);
  const near = (4 / width) * (timeline.to - timeline.from);
  const lane = timeline.lanes.findLast((one) => y >= one.top);
  if (lane === undefined) {
    return null;
  }
  const row = Math.floor((y - lane.top - HEAD) / BAR);
  if (row >= lane.rows) {
    return lane.marks.findLast((mark) => Math.abs(mark.from - time) <= near * 1.5) ?? null;
  }
  return lane.members.findLast((one) => one.row === row && one.from - near <= time && one.to + near >= time) ?? null;
}

const KEYS = {
  "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "0": () => moveTo(0, whole), Home: () => moveTo(0, whole),
  ArrowLeft: () => shift(-0.2), ArrowRight: () => shift(0.2), ArrowUp: () => step(-1), ArrowDown: () => step(1),
  Enter: () => {
    const item = timeline.chosen;
    const process = item?.process ?? byRow[item?.connection.owner];
    if (process !== undefined) {
      goTo(process);
    }
  },
};

function startTimeline() {
  const canvas = found("canvas");
  if (canvas === null) {
    return;
  }
  layOut();
  timeline.to = whole;
  canvas.addEventListener("keydown", (event) => {
    if (event.key in KEYS && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });
  const at = (event) => itemAt(event.offsetX, event.offsetY);
  let pressed = null;
  canvas.addEventListener("pointerdown", (event) => { pressed = { x: event.offsetX, from: timeline.from, to: timeline.to, moved: false }; });
  canvas.addEventListener("pointermove", (event) => {
    if (pressed === null || event.buttons === 0) {
      const item = at(event);
      if (item !== null && item !== timeline.chosen) {
        choose(item);
      }
      return;
    }
    const by = ((pressed.x - event.offsetX) / canvas.clientWidth) * (pressed.to - pressed.from);
    pressed.moved ||= Math.abs(pressed.x - event.offsetX) > 3;
    moveTo(pressed.from + by, pressed.to + by);
  });
  canvas.addEventListener("pointerup", () => { pressed = null; });
  canvas.addEventListener("dblclick", (event) => {
    zoom(0.25, timeline.from + (event.offsetX / canvas.clientWidth) * (timeline.to - timeline.from));
  });
  canvas.addEventListener("wheel", (event) => {
    if (event.ctrlKey) {
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.25 : 0.8, timeline.from + (event.offsetX / canvas.clientWidth) * (timeline.to - timeline.from));
    }
  }, { passive: false });
  const press = { "zoom-in": "+", "zoom-out": "-", earlier: "ArrowLeft", later: "ArrowRight", whole: "0" };
  for (const [id, key] of Object.entries(press)) {
    found(id).addEventListener("click", KEYS[key]);
  }
  new ResizeObserver(drawTimeline).observe(canvas.parentElement);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawTimeline);
}
