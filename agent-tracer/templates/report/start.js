// Puts the parts together, once all of them are there.
for (const element of document.querySelectorAll(".scripted:not(textarea)")) {
  element.hidden = false;
}
for (const name of treeNames) {
  found("tree").append(make("option", { value: String(name) }, string(name)));
}

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
found("open-all")?.addEventListener("click", () => drawForest(PRINTED));
found("close-all")?.addEventListener("click", () => drawForest(0));
found("copy")?.addEventListener("click", copyDestinations);

startTimeline();
drawForest(BUDGET);
drawConnections(ROWS);
drawTimeline();

// On paper there is nothing to open.
const closed = [];
window.addEventListener("beforeprint", () => {
  document.documentElement.classList.add("paper");
  drawForest(PRINTED);
  drawConnections(PRINTED);
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
