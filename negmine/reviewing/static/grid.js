// The grid: only the tiles in view exist. Here too: the frame, the selection, and loading the list anew.

import { closePeek, showLarge } from "./large.js";
import { alike, bank, clusterAt, hashOf, headOf, idsOf, layLines, lineOf, negativeCount, placeAt, positionsOf, query, rememberView, shown, takeList, view } from "./negatives.js";
import { byId, CALLED, counted, countedItems, grouped, isOfMisses, kind, make, MARKS, NOUNS, say, showProblem, STATES } from "./page.js";
import { ask, askJson } from "./server.js";
import { waitingState } from "./waiting.js";

export const TILE_SIDES = [44, 88, 136, 184, 256]; // pixels
const CAPTION_FROM = 96; // smaller tiles have no text
const GAP = 6;
const AT_ONCE = 240; // rows in one request
const MOST_ROWS = 20000; // that are kept

export const grid = byId("grid");
const canvas = byId("canvas"), tiles = new Map(); // by line
const asked = new Set(); // ids whose rows are asked for
export const layout = { columns: 1, side: 136, lineHeight: 100, shotHeight: 100 };
let fetchTimer = 0, listing = 0, decisions = 0; // the last two count requests and changes, so that no late answer is shown

export async function loadList({ renewed }) {
  if (renewed) { view.since = bank.progress.last_act; view.decided.clear(); }
  const version = bank.progress.version, turn = ++listing;
  const list = new Int32Array(await (await ask(`/api/list?${query()}&since=${view.since}&also=${[...view.decided]}`)).arrayBuffer());
  if (turn !== listing) return;
  bank.listed = version;
  const isSame = list.length === shown.list.length && list.every((number, index) => number === shown.list[index]);
  if (isSame && !renewed) return;
  const kept = headOf(shown.at), keptAnchor = headOf(shown.anchor), above = Math.floor(shown.at / layout.columns);
  const chosen = new Map([...shown.selected].map((id) => [id, hashOf(id)]));
  takeList(list);
  const line = lineOf(kept);
  shown.at = line ?? (renewed ? 0 : Math.min(shown.at, Math.max(shown.lineCount - 1, 0)));
  shown.anchor = lineOf(keptAnchor) ?? shown.at;
  for (const [id, hash] of chosen) if (!shown.positionOf.has(id) || hashOf(id) !== hash) shown.selected.delete(id);
  layOut();
  if (renewed) { if (line === undefined) grid.scrollTop = 0; else scrollTo(shown.at); }
  else grid.scrollTop += (Math.floor(shown.at / layout.columns) - above) * layout.lineHeight; // the tiles in view stay where they are
  draw();
  if (shown.isLarge && (renewed || line === undefined)) showLarge();
}

export async function reload() {
  await loadList({ renewed: false });
  const inView = new Set([...tiles.keys()].map(headOf));
  for (const id of shown.rows.keys()) if (!inView.has(id)) shown.rows.delete(id);
  await fetchRows({ again: true });
  if (shown.isLarge) showLarge();
}

export async function refilter(changed) {
  Object.assign(view, changed);
  rememberView();
  try { await loadList({ renewed: true }); showProblem(null); } catch (error) { showProblem(error); }
}

// Other lines, or tiles of another size, of the same list.
export function relay(changed) {
  const kept = headOf(shown.at);
  Object.assign(view, changed);
  rememberView();
  byId("group").value = view.group;
  byId("size").value = view.size;
  layLines();
  shown.at = shown.anchor = lineOf(kept) ?? 0;
  layOut();
  scrollTo(shown.at);
  draw();
}

export function layOut() {
  const width = Math.max(grid.clientWidth - 16, 72), least = TILE_SIDES[view.size], isSmall = least < CAPTION_FROM;
  layout.columns = Math.max(1, Math.floor((width + GAP) / (least + 8 + GAP)));
  layout.side = Math.floor((width + GAP) / layout.columns) - 8 - GAP; // as wide as the line allows
  layout.shotHeight = Math.round(layout.side * 0.8);
  layout.lineHeight = layout.shotHeight + 8 + GAP + (isSmall ? 0 : 22);
  grid.classList.toggle("small", isSmall);
  canvas.style.height = `${Math.ceil(shown.lineCount / layout.columns) * layout.lineHeight}px`;
  byId("empty").hidden = shown.lineCount > 0;
  byId("empty").textContent = isDone() ? "All are decided. “Show all” lists them." : `No ${NOUNS[0]} fits these filters.`;
  for (const tile of tiles.values()) tile.remove();
  tiles.clear();
  draw();
  showCounts();
}

function isDone() {
  const { states } = bank.progress;
  return states.unreviewed === 0 && STATES.some((name) => states[name]) && String(view.states) === "unreviewed";
}

export function showCounts() {
  const negatives = countedItems(negativeCount());
  const text = view.group === "none" ? negatives : `${counted(shown.lineCount, "line")} of ${negatives}`;
  byId("shown").textContent = shown.selected.size ? `${grouped(shown.selected.size)} of ${grouped(negativeCount())} selected` : text;
}

// Where the grid was only scrolled, the tiles that stay in view are as they were.
export function draw({ isScrolled = false } = {}) {
  const { columns, lineHeight } = layout, { scrollTop, clientHeight } = grid;
  const top = Math.max(0, Math.floor((scrollTop - 8) / lineHeight) - 1) * columns;
  const bottom = Math.min(shown.lineCount, (Math.ceil((scrollTop + clientHeight) / lineHeight) + 1) * columns);
  const spare = [];
  for (const [line, tile] of tiles) if (line < top || line >= bottom) { tiles.delete(line); spare.push(tile); }
  let isMissing = false;
  for (let line = top; line < bottom; line++) {
    const id = headOf(line), isNew = !tiles.has(line);
    if (isNew) {
      const tile = spare.pop() ?? makeTile();
      tiles.set(line, tile);
      put(tile, line);
      if (!tile.isConnected) canvas.append(tile);
    }
    isMissing ||= !shown.rows.has(id) && !asked.has(id);
    if (isNew || !isScrolled) fill(line);
  }
  for (const tile of spare) tile.remove();
  grid.setAttribute("aria-activedescendant", tiles.has(shown.at) ? `line-${shown.at}` : "");
  if (isMissing) { clearTimeout(fetchTimer); fetchTimer = setTimeout(fetchRows, 40); }
}

export async function fetchRows({ again = false } = {}) {
  const ids = [...tiles.keys()].map(headOf).filter((id) => id !== undefined && !asked.has(id) && (again || !shown.rows.has(id)));
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const some = ids.slice(start, start + AT_ONCE), before = decisions;
    some.forEach((id) => asked.add(id));
    try {
      const rows = await askJson(`/api/rows?kind=${kind}&ids=${some}`);
      if (before !== decisions) start -= AT_ONCE; // they may be older than what was stored meanwhile
      else for (const row of rows) shown.rows.set(row.id, row);
    } catch (error) { showProblem(error); } finally { some.forEach((id) => asked.delete(id)); }
  }
  if (shown.rows.size > MOST_ROWS) for (const id of [...shown.rows.keys()].slice(0, MOST_ROWS / 2)) shown.rows.delete(id);
  for (const line of tiles.keys()) fill(line);
}

// What was decided now; null where the server has to be asked what holds.
export function noteStates(ids, state) {
  decisions += 1;
  if (isOfMisses) for (const id of ids) view.decided.add(id);
  for (const id of ids) if (state === null) shown.rows.delete(id); else if (shown.rows.has(id)) shown.rows.get(id).state = state;
  draw();
}

function makeTile() {
  const tile = make("div", { className: "tile", role: "option" },
    make("span", { className: "mark" }), make("span", { className: "many" }),
    make("div", { className: "shot" }, make("img", { alt: "", decoding: "async", draggable: false }), make("div", { className: "box" })),
    make("div", { className: "caption" }, make("span", { className: "score" }), make("span", { className: "name" })));
  tile.style.width = `${layout.side + 8}px`;
  tile.style.height = `${layout.lineHeight - GAP}px`;
  tile.querySelector(".shot").style.height = `${layout.shotHeight}px`;
  tile.querySelector("img").addEventListener("error", (event) => event.target.classList.add("wrong"));
  return tile;
}

// Move a tile to another line; nothing is left of what it showed.
function put(tile, line) {
  const left = (line % layout.columns) * (layout.side + 8 + GAP), top = Math.floor(line / layout.columns) * layout.lineHeight;
  tile.style.transform = `translate(${left}px, ${top}px)`;
  tile.id = `line-${line}`;
  tile.setAttribute("aria-posinset", line + 1);
  tile.setAttribute("aria-setsize", shown.lineCount);
  if (!tile.dataset.id) return;
  for (const name of ["id", "state", "sha256"]) delete tile.dataset[name];
  for (const each of tile.querySelectorAll(".score, .name, .mark, .many")) each.textContent = "";
  tile.querySelector(".many").hidden = tile.querySelector(".box").hidden = true;
  tile.querySelector("img").removeAttribute("src");
  tile.removeAttribute("aria-label");
}

function fill(line) {
  const tile = tiles.get(line), id = headOf(line), row = shown.rows.get(id);
  if (!tile) return;
  const ids = idsOf(line), count = ids.length, waits = waitingState(id);
  const isHeld = waits === undefined && row?.state === "unreviewed" && row.held_back;
  tile.setAttribute("aria-selected", ids.every((each) => shown.selected.has(each)));
  tile.classList.toggle("at", line === shown.at);
  tile.classList.toggle("waits", waits !== undefined);
  tile.classList.toggle("held", isHeld);
  if (!row) return;
  tile.dataset.state = row.state;
  tile.dataset.id = id;
  tile.querySelector(".mark").textContent = isHeld ? "held back" : waits === undefined ? MARKS[row.state] : `… ${MARKS[waits] || "clear"}`;
  const many = tile.querySelector(".many");
  many.hidden = count < 2;
  many.textContent = view.group === "place" ? `${count} frames` : `${count}`;
  if (tile.dataset.sha256 !== row.sha256) {
    tile.dataset.sha256 = row.sha256;
    place(tile.querySelector("img"), tile.querySelector(".box"), row);
    tile.querySelector(".score").textContent = row.score.toFixed(2);
  }
  const likely = view.sort === "unlabelled" && row.unlabelled !== null ? `likely ${row.unlabelled.toFixed(2)}, ` : "";
  const doubt = isHeld ? "held back, " : likely;
  tile.querySelector(".name").textContent = `${likely}${row.class}`;
  const group = count < 2 ? "" : view.group === "place" ? `, fires here in ${count} frames` : `, ${count} alike`;
  const verdict = waits === undefined ? CALLED[row.state] : `${CALLED[waits]}, not stored yet`;
  tile.setAttribute("aria-label", `${doubt}${row.class}, score ${row.score.toFixed(2)}, ${verdict}${group}, from ${row.source}`);
}

function place(image, box, row) {
  const { side, shotHeight } = layout, [width, height] = row.size, scale = Math.min(side / width, shotHeight / height);
  const left = (side - width * scale) / 2, top = (shotHeight - height * scale) / 2;
  Object.assign(image.style, { left: `${left}px`, top: `${top}px`, width: `${width * scale}px`, height: `${height * scale}px` });
  image.classList.remove("wrong");
  image.src = row.picture;
  box.hidden = !row.box;
  if (!row.box) return;
  const [x1, y1, x2, y2] = row.box.map((value) => value * scale);
  Object.assign(box.style, { left: `${left + x1}px`, top: `${top + y1}px`, width: `${Math.max(x2 - x1, 4)}px`, height: `${Math.max(y2 - y1, 4)}px` });
}

export function scrollTo(line) {
  const top = 8 + Math.floor(line / layout.columns) * layout.lineHeight, bottom = top + layout.lineHeight;
  if (top < grid.scrollTop) grid.scrollTop = top - 8;
  else if (bottom > grid.scrollTop + grid.clientHeight) grid.scrollTop = bottom - grid.clientHeight;
}

export function goTo(line, { extend = false } = {}) {
  if (!shown.lineCount) return;
  shown.at = Math.max(0, Math.min(line, shown.lineCount - 1));
  if (extend) {
    shown.selected.clear();
    for (let each = Math.min(shown.anchor, shown.at); each <= Math.max(shown.anchor, shown.at); each++) idsOf(each).forEach((id) => shown.selected.add(id));
  } else shown.anchor = shown.at;
  scrollTo(shown.at);
  drawSelection();
  if (shown.isLarge) showLarge();
}

export function drawSelection() {
  draw();
  showCounts();
}

export function toggle(line) {
  const ids = idsOf(line), isAll = ids.every((id) => shown.selected.has(id));
  for (const id of ids) if (isAll) shown.selected.delete(id); else shown.selected.add(id);
  shown.at = shown.anchor = line;
  drawSelection();
}

export function selectAll() {
  for (const id of shown.positionOf.keys()) shown.selected.add(id);
  drawSelection();
}

export function selectAlike() {
  const { known, compare } = bank.facets, [head] = positionsOf(shown.at);
  if (!known.clusters && !known.places) { say(`Nobody has compared these negatives yet: run "${compare}".`); return; }
  if (head === undefined) return;
  const ofPlace = alike(head, placeAt), ofCluster = alike(head, clusterAt);
  const ids = ofPlace.length > 1 && !ofPlace.every((id) => shown.selected.has(id)) ? ofPlace : ofCluster;
  if (ids.length < 2) { say("No other negative in the list is like this one."); return; }
  ids.forEach((id) => shown.selected.add(id));
  say(ids === ofPlace ? `It fires here in ${counted(ids.length, "frame")}; all are selected.` : `${counted(ids.length, "negative")} of its cluster selected.`);
  drawSelection();
}

export async function nextUndecided() {
  const isOpen = (line) => shown.rows.get(headOf(line))?.state === "unreviewed" && waitingState(headOf(line)) === undefined;
  for (let line = shown.at + 1; line < shown.lineCount; line++) {
    if (!shown.rows.has(headOf(line))) { goTo(line); await fetchRows(); }
    if (isOpen(line)) { goTo(line); return; }
  }
  say("All that follow are decided.");
}

grid.addEventListener("scroll", () => { closePeek(); requestAnimationFrame(() => draw({ isScrolled: true })); }, { passive: true });
let width = 0;
new ResizeObserver(() => {
  if (grid.clientWidth === width) { draw(); return; }
  width = grid.clientWidth;
  const wasInView = tiles.has(shown.at);
  layOut();
  if (wasInView) { scrollTo(shown.at); draw(); }
  if (shown.isLarge) showLarge();
}).observe(grid);
