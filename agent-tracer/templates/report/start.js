// Puts the parts together, once all of them are there.
for (const element of document.querySelectorAll(".scripted:not(textarea)")) {
  element.hidden = false;
}
const nameTrees = () => {
  const chosen = found("tree").value;
  const options = treeNames.map((name) => make("option", { value: String(name) }, string(name)));
  found("tree").replaceChildren(found("tree").options[0], ...options);
  found("tree").value = chosen;
};
nameTrees();

let waiting;
const ask = () => runSearch(found("words").value, found("tree").value === "" ? -1 : Number(found("tree").value));
found("words").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(ask, 120);
});
found("tree").addEventListener("change", ask);
found("clear").addEventListener("click", () => {
  found("words").value = "";
  found("tree").value = "";
  ask();
  found("words").focus();
});

search.listeners.push(() => drawForest(BUDGET), () => drawConnections(ROWS), stackAgain);
parts.listeners.push(addressAll, shapeAll, nameTrees, linkOwners, sayParts, () => {
  if (found("canvas") !== null) {
    layOut();
  }
  ask();
  drawTimeline();
});
found("load-all")?.addEventListener("click", () => {
  found("load-all").hidden = true;
  load(treeNames, true);
});
sayParts();
found("open-all")?.addEventListener("click", () => drawForest(ALL, "all"));
found("close-all")?.addEventListener("click", () => drawForest(0));
found("copy")?.addEventListener("click", copyDestinations);

startTimeline();
startPane();
drawForest(BUDGET);
drawConnections(ROWS);
drawTimeline();

// On paper there is nothing to open.
const closed = [];
window.addEventListener("beforeprint", () => {
  document.documentElement.classList.add("paper");
  drawForest(PAPER, "paper");
  drawConnections(PAPER_ROWS);
  for (const details of document.querySelectorAll("details:not([open])")) {
    details.open = true;
    closed.push(details);
  }
  drawTimeline();
});
window.addEventListener("afterprint", () => {
  document.documentElement.classList.remove("paper");
  closed.splice(0).forEach((details) => { details.open = false; });
  drawForest(BUDGET);
  drawConnections(ROWS);
  drawTimeline();
});
document.documentElement.dataset.ready = String(Math.round(performance.now()));
