// Keys, the pointer, and the buttons that do the same as keys.

import { draw, drawSelection, goTo, grid, layout, nextUndecided, relay, scrollTo, selectAll, selectAlike, TILE_SIDES, toggle } from "./grid.js";
import { closePeek, openLarge, startPeek } from "./large.js";
import { shown, view } from "./negatives.js";
import { byId, isReadOnly } from "./page.js";
import { decide, undo } from "./verdicts.js";

const GROUPS = ["none", "place", "cluster"];
const ONCE = "artcu"; // keys that do nothing more while they are held down

const screenful = () => Math.max(1, Math.floor(grid.clientHeight / layout.lineHeight) - 1) * layout.columns;
const MOVES = {
  ArrowLeft: () => shown.at - 1,
  ArrowRight: () => shown.at + 1,
  ArrowUp: () => (shown.at >= layout.columns ? shown.at - layout.columns : shown.at),
  ArrowDown: () => (shown.at + layout.columns < shown.lineCount ? shown.at + layout.columns : shown.at),
  Home: () => 0,
  End: () => shown.lineCount - 1,
  PageUp: () => shown.at - screenful(),
  PageDown: () => shown.at + screenful(),
};

const grow = () => relay({ size: Math.min(view.size + 1, TILE_SIDES.length - 1) });
const DOES = {
  accepted: () => decide("accepted"), rejected: () => decide("rejected"), target: () => decide("target"), undo,
  select: () => toggle(shown.at), large: () => look(!shown.isLarge), close: () => look(false),
  previous: () => goTo(shown.at - 1), next: () => goTo(shown.at + 1), help: () => byId("help").showModal(),
};
const KEYS = {
  a: DOES.accepted, r: DOES.rejected, t: DOES.target, c: () => decide("unreviewed"), u: undo,
  x: DOES.select, l: selectAlike, n: nextUndecided, " ": DOES.large, Enter: DOES.large,
  f: () => look(true, { wide: !document.body.classList.contains("wide") }),
  b: () => document.body.classList.toggle("no-boxes"),
  g: () => relay({ group: GROUPS[(GROUPS.indexOf(view.group) + 1) % GROUPS.length] }),
  "+": grow, "=": grow, "-": () => relay({ size: Math.max(view.size - 1, 0) }),
  "/": () => { if (!byId("filters").checkVisibility()) byId("filters-button").click(); byId("filters").querySelector("input:enabled").focus(); },
  "?": DOES.help,
  Escape: () => { if (shown.selected.size) { shown.selected.clear(); drawSelection(); } else if (shown.isLarge) look(false); },
};

function look(open, how) {
  scrollTo(shown.at);
  draw();
  openLarge(open, how);
}

document.addEventListener("keydown", (event) => {
  if (byId("help").open || event.altKey) return;
  closePeek(); // it would cover what the keys are about
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.target.closest("input, select, textarea")) { if (key === "Escape") grid.focus(); return; }
  if (event.ctrlKey || event.metaKey) {
    const does = { z: undo, a: selectAll }[key];
    if (does) { event.preventDefault(); does(); }
    return;
  }
  if (event.target.closest("button") && (key === " " || key === "Enter")) return;
  if (key in MOVES) { event.preventDefault(); goTo(MOVES[key](), { extend: event.shiftKey }); return; }
  if (key in KEYS && !(event.repeat && ONCE.includes(key))) { event.preventDefault(); KEYS[key](); }
});

// A filter that was set with the mouse leaves the keys to the grid; one that was reached with keys keeps them.
document.addEventListener("click", ({ target }) => { if (target.matches("input:not(:focus-visible)")) grid.focus(); });
document.addEventListener("change", ({ target }) => { if (target.matches("select:not(:focus-visible)")) grid.focus(); });

grid.addEventListener("click", (event) => {
  const tile = event.target.closest(".tile");
  if (!tile) return;
  const line = Number(tile.id.slice("line-".length));
  closePeek();
  if (event.ctrlKey || event.metaKey) { toggle(line); return; }
  if (!event.shiftKey) shown.selected.clear();
  goTo(line, { extend: event.shiftKey });
});
grid.addEventListener("dblclick", () => look(true));
grid.addEventListener("pointerover", (event) => {
  const tile = event.target.closest(".tile");
  if (tile && event.pointerType === "mouse") startPeek(tile); else closePeek();
});
grid.addEventListener("pointerout", (event) => {
  const to = event.relatedTarget?.closest?.(".tile");
  if (!to || to !== event.target.closest(".tile")) closePeek();
});

for (const button of document.querySelectorAll("[data-do]")) {
  const does = button.dataset.do;
  if (isReadOnly && ["accepted", "rejected", "target", "undo"].includes(does)) button.disabled = true;
  button.addEventListener("click", () => {
    DOES[does]();
    if (does !== "help") grid.focus();
  });
}
