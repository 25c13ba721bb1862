// Parts of a large recording: they are on the page as compressed data, and become objects when they are asked for.
const parts = { places: null, waiting: new Map(), loading: null, listeners: [] };

for (const tree of data.trees) {
  parts.waiting.set(tree.name, [...tree.parts]);
}

const isPartial = data.trees.length > 0;
const leftInTree = (name) => (parts.waiting.get(name) ?? []).reduce((sum, one) => sum + one.processes, 0);
const allWaiting = () => [...parts.waiting.values()].reduce((sum, all) => sum + all.length, 0);

// The number of a text that may be on the page already.
function placeOf(text) {
  parts.places ??= new Map(data.strings.map((known, place) => [known, place]));
  let place = parts.places.get(text);
  if (place === undefined) {
    place = data.strings.push(text) - 1;
    parts.places.set(text, place);
  }
  return place;
}

async function unpacked(id) {
  const element = found(`part-${id}`);
  const binary = atob(element.textContent);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) {
    bytes[at] = binary.charCodeAt(at);
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const part = JSON.parse(await new Response(stream).text());
  element.remove();
  return part;
}

// Loads the next part of each of these trees, or all of them; one call after the other.
function load(names, isAll) {
  const before = parts.loading ?? Promise.resolve();
  const now = before.then(async () => {
    for (const name of names) {
      const waiting = parts.waiting.get(name) ?? [];
      for (const one of waiting.splice(0, isAll ? waiting.length : 1)) {
        const part = await unpacked(one.id);
        const places = part.strings.map(placeOf);
        addPart(part, (place) => places[place]);
      }
    }
    arrange();
    parts.listeners.forEach((listener) => listener());
  });
  parts.loading = now.catch((error) => {
    found("parts-said").textContent = `Cannot load it: ${error.message}`;
    found("parts-said").hidden = false;
  });
  return parts.loading;
}

// What is on the page but not loaded, and what is not on the page.
function saysOf(tree) {
  const waiting = parts.waiting.get(tree.name);
  const processCount = waiting.reduce((sum, one) => sum + one.processes, 0);
  const connectionCount = waiting.reduce((sum, one) => sum + one.connections, 0);
  const counted = (of, connectionsOf) => `${grouped(of)} processes and ${grouped(connectionsOf)} connections`;
  const said = [];
  if (waiting.length > 0) {
    said.push(`${counted(processCount, connectionCount)} of this tree are not loaded yet.`);
  }
  if (tree.left_out_processes > 0 || tree.left_out_connections > 0) {
    said.push(`${counted(tree.left_out_processes, tree.left_out_connections)} of it are not on this page; the trace has them.`);
  }
  return said.join(" ");
}

// A line below the processes of a tree, with a button for more.
function moreOfTree(name) {
  const tree = data.trees.find((one) => one.name === name);
  const said = tree === undefined ? "" : saysOf(tree);
  if (said === "") {
    return [];
  }
  const next = parts.waiting.get(name)[0];
  const line = make("p", { class: "tools parts" });
  if (next !== undefined) {
    const button = make("button", { type: "button", class: "load" }, `Load ${grouped(next.processes)} processes and ${grouped(next.connections)} connections`);
    button.addEventListener("click", () => {
      button.disabled = true;
      forest.opened.add(name);
      load([name], false);
    });
    line.append(button);
  }
  line.append(make("span", { class: "note" }, said));
  return [line];
}

function sayParts() {
  const line = found("parts-said");
  if (line === null || !isPartial) {
    return;
  }
  const sum = (count) => data.trees.reduce((all, tree) => all + count(tree), 0);
  const total = [sum((tree) => tree.processes), sum((tree) => tree.connections)];
  const left = [sum((tree) => tree.left_out_processes), sum((tree) => tree.left_out_connections)];
  const loaded = `A large recording: ${grouped(processes.length)} of ${grouped(total[0])} processes and ${grouped(connections.length)} of ${grouped(total[1])} connections are loaded. The search, the timeline and the lists below know these; the tables and numbers are of the whole recording.`;
  const out = left[0] + left[1] > 0 ? ` ${grouped(left[0])} processes and ${grouped(left[1])} connections are not on this page: tracer tree and tracer connections list them, and --tree, --since and --until make a page of a part.` : "";
  line.textContent = loaded + out;
  line.hidden = false;
  found("load-all").hidden = allWaiting() === 0;
}
