// The page of `negmine review`. The list of all negatives that are shown is kept here, as numbers; what a tile shows of
// one is asked for when it comes into view. Names reach the page as text alone, never as HTML.

const NO_GROUP = -1;
const STATES = ["unreviewed", "accepted", "rejected", "target"];
const CALLED = { unreviewed: "undecided", accepted: "accepted", rejected: "rejected", target: "target" };
const MARKS = { unreviewed: "", accepted: "✓", rejected: "✕", target: "◎ target" };
const TILE_SIDES = [44, 88, 136, 184, 256]; // pixels
const CAPTION_FROM = 96; // smaller tiles have no text
const GAP = 6;
const AT_ONCE = 240; // rows in one request
const BETWEEN_POLLS = 1500; // ms
const HOVER = 450; // ms until a tile under the pointer is shown large

const byId = (id) => document.getElementById(id);
const grid = byId("grid"), canvas = byId("canvas"), large = byId("large"), peek = byId("peek");
const tokenMeta = document.querySelector("meta[name=negmine-token]");
if (tokenMeta.content) sessionStorage.setItem("token", tokenMeta.content); // a reload brings none
const token = sessionStorage.getItem("token") ?? "";

// ---- talking to the server ------------------------------------------------------------------------------------------

class Refused extends Error {}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The server does not answer, so nothing can be decided. Start `negmine review` again, and open the address that it prints.");
  }
  if (answer.ok) return answer;
  if (answer.status === 403) throw new Refused("This page belongs to an earlier start of the server. Open the address that it printed last.");
  const text = await answer.text();
  let said = text;
  try { said = JSON.parse(text).error; } catch { /* it is not of ours */ }
  throw new Refused(said || `The server answered ${answer.status}.`);
}

const askJson = async (path, options) => (await ask(path, options)).json();

function change(path, body) {
  const headers = { "content-type": "application/json", [tokenMeta.name]: token };
  return askJson(path, { method: "POST", headers, body: JSON.stringify(body) });
}

function showProblem(error) {
  byId("problem").textContent = error ? error.message : "";
  byId("problem").hidden = !error;
}

let saidTimer = 0;
function say(text) {
  byId("said").textContent = text;
  byId("said").classList.add("shown");
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => byId("said").classList.remove("shown"), 4000);
}

const counted = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

function make(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made && key !== "list") made[key] = value; else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// ---- what is shown --------------------------------------------------------------------------------------------------

const asked = new URLSearchParams(location.search);
const view = {
  classes: asked.getAll("class"), states: asked.has("state") ? asked.getAll("state") : ["unreviewed"],
  run: asked.get("run") ?? "", folder: asked.get("folder") ?? "", min: asked.get("min") ?? "", max: asked.get("max") ?? "",
  sort: asked.get("sort") ?? "score", group: asked.get("group") ?? "", size: Number(asked.get("size") ?? 2),
  since: 0,
};

let facets = { classes: [], runs: [], folders: [], known: {}, digits: 7, compare: "" };
let seenDecisions = ""; // that the tiles show; those of others are noticed by the difference
let progress = { version: "", decisions: "", states: {}, last_act: 0, undoable: null };
let list = new Int32Array(0); // id, cluster, place and hash (see `hashAt`) of each negative, in order
let lines = []; // of the grid: each an array of positions in the list
let lineOf = new Map(); // by the id of each negative in it
let positionOf = new Map(); // in the list, by id
let rows = new Map(); // what tiles show, by id
let wanted = new Set(); // ids that were asked for
let selected = new Set(); // ids
let at = 0, anchor = 0; // lines
let largeOpen = false;
let listing = 0; // counts requests, so that a late answer is not shown

const FIELDS = 4; // of each negative
const HASH_DIGITS = 8;
const idAt = (position) => list[FIELDS * position];
const clusterAt = (position) => list[FIELDS * position + 1];
const placeAt = (position) => list[FIELDS * position + 2];
const hashAt = (position) => (list[FIELDS * position + 3] >>> 0).toString(16).padStart(HASH_DIGITS, "0");
const idsOf = (line) => (lines[line] ?? []).map(idAt);
const headOf = (line) => (line in lines ? idAt(lines[line][0]) : undefined);

function query(withSince) {
  const text = new URLSearchParams();
  for (const name of view.classes) text.append("class", name);
  for (const name of view.states) text.append("state", name);
  for (const name of ["run", "folder", "min", "max"]) if (view[name] !== "") text.set(name, view[name]);
  text.set("sort", view.sort);
  if (withSince) text.set("since", view.since);
  return text;
}

function rememberView() {
  const text = query(false);
  if (!view.states.length) text.set("state", "");
  text.set("group", view.group);
  text.set("size", view.size);
  history.replaceState(null, "", `/?${text}`); // and the token leaves the address
}

async function loadList({ renewed }) {
  if (renewed) view.since = progress.last_act;
  const version = progress.version, turn = ++listing;
  const answer = new Int32Array(await (await ask(`/api/list?${query(true)}`)).arrayBuffer());
  if (turn !== listing) return;
  progress.listed = version;
  const isSame = answer.length === list.length && answer.every((number, index) => number === list[index]);
  if (isSame && !renewed) return;
  const kept = headOf(at), keptAnchor = headOf(anchor), above = Math.floor(at / columns); // somebody may have moved on meanwhile
  const chosen = new Map([...selected].map((id) => [id, hashAt(positionOf.get(id))]));
  list = answer;
  layLines();
  const line = lineOf.get(kept);
  at = line ?? (renewed ? 0 : Math.min(at, Math.max(lines.length - 1, 0)));
  anchor = lineOf.get(keptAnchor) ?? at;
  for (const [id, hash] of chosen) if (!lineOf.has(id) || hashAt(positionOf.get(id)) !== hash) selected.delete(id);
  layOut();
  if (renewed) { if (line === undefined) grid.scrollTop = 0; else scrollTo(at); }
  else grid.scrollTop += (Math.floor(at / columns) - above) * lineHeight; // the tiles in view stay where they are
  draw();
  if (largeOpen && (renewed || line === undefined)) showLarge();
}

function layLines() {
  const groupAt = { place: placeAt, cluster: clusterAt }[view.group];
  const first = new Map();
  lines = [];
  lineOf = new Map();
  positionOf = new Map();
  for (let position = 0; position < list.length / FIELDS; position++) {
    const group = groupAt ? groupAt(position) : NO_GROUP;
    let line = group === NO_GROUP ? undefined : first.get(group);
    if (line === undefined) {
      line = lines.length;
      lines.push([]);
      if (group !== NO_GROUP) first.set(group, line);
    }
    lines[line].push(position);
    lineOf.set(idAt(position), line);
    positionOf.set(idAt(position), position);
  }
}

// ---- the grid: only the tiles in view exist -------------------------------------------------------------------------

const tiles = new Map(); // by line
let columns = 1, side = 136, lineHeight = 100, shotHeight = 100, fetchTimer = 0;

function layOut() {
  const width = Math.max(grid.clientWidth - 16, 72), isSmall = TILE_SIDES[view.size] < CAPTION_FROM;
  columns = Math.max(1, Math.floor((width + GAP) / (TILE_SIDES[view.size] + 8 + GAP)));
  side = Math.floor((width + GAP) / columns) - 8 - GAP; // as wide as the line allows
  shotHeight = Math.round(side * 0.8);
  lineHeight = shotHeight + 8 + GAP + (isSmall ? 0 : 22);
  grid.classList.toggle("small", isSmall);
  canvas.style.height = `${Math.ceil(lines.length / columns) * lineHeight}px`;
  byId("empty").hidden = lines.length > 0;
  byId("empty").textContent = isDone() ? "All are decided. “Show all” lists them." : "No negative fits these filters.";
  for (const tile of tiles.values()) tile.remove();
  tiles.clear();
  draw();
  showCounts();
}

function isDone() {
  return progress.states.unreviewed === 0 && STATES.some((name) => progress.states[name]) && String(view.states) === "unreviewed";
}

function draw() {
  const top = Math.max(0, Math.floor((grid.scrollTop - 8) / lineHeight) - 1) * columns;
  const bottom = Math.min(lines.length, (Math.ceil((grid.scrollTop + grid.clientHeight) / lineHeight) + 1) * columns);
  for (const [line, tile] of tiles) {
    if (line < top || line >= bottom) { tile.remove(); tiles.delete(line); }
  }
  const missing = [];
  for (let line = top; line < bottom; line++) {
    if (!tiles.has(line)) {
      const tile = makeTile(line);
      tiles.set(line, tile);
      canvas.append(tile);
    }
    const id = headOf(line);
    if (!rows.has(id) && !wanted.has(id)) missing.push(id);
    fill(line);
  }
  grid.setAttribute("aria-activedescendant", tiles.has(at) ? `line-${at}` : "");
  if (missing.length) { clearTimeout(fetchTimer); fetchTimer = setTimeout(fetchRows, 40); }
}

async function fetchRows({ again = false } = {}) {
  const ids = [...tiles.keys()].map(headOf).filter((id) => id !== undefined && !wanted.has(id) && (again || !rows.has(id)));
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const some = ids.slice(start, start + AT_ONCE);
    some.forEach((id) => wanted.add(id));
    try {
      for (const row of await askJson(`/api/rows?ids=${some}`)) if (!pending.has(row.id)) rows.set(row.id, row);
    } catch (error) { showProblem(error); } finally { some.forEach((id) => wanted.delete(id)); }
  }
  if (rows.size > 20000) for (const id of [...rows.keys()].slice(0, 10000)) rows.delete(id);
  for (const line of tiles.keys()) fill(line);
}

function makeTile(line) {
  const tile = make("div", { className: "tile", id: `line-${line}`, role: "option" },
    make("span", { className: "mark" }), make("span", { className: "many" }),
    make("div", { className: "shot" }, make("img", { alt: "", decoding: "async", draggable: false }), make("div", { className: "box" })),
    make("div", { className: "caption" }, make("span", { className: "score" }), make("span", { className: "name" })));
  const left = (line % columns) * (side + 8 + GAP), top = Math.floor(line / columns) * lineHeight;
  tile.style.transform = `translate(${left}px, ${top}px)`;
  tile.style.width = `${side + 8}px`;
  tile.style.height = `${lineHeight - GAP}px`;
  const shot = tile.querySelector(".shot");
  shot.style.height = `${shotHeight}px`;
  tile.querySelector("img").addEventListener("error", (event) => event.target.classList.add("wrong"));
  tile.setAttribute("aria-posinset", line + 1);
  tile.setAttribute("aria-setsize", lines.length);
  return tile;
}

function fill(line) {
  const tile = tiles.get(line), id = headOf(line), row = rows.get(id);
  if (!tile) return;
  const ids = idsOf(line), isSelected = ids.every((each) => selected.has(each));
  tile.setAttribute("aria-selected", isSelected);
  tile.classList.toggle("at", line === at);
  if (!row) return;
  tile.dataset.state = row.state;
  tile.dataset.id = id;
  tile.querySelector(".mark").textContent = MARKS[row.state];
  const many = tile.querySelector(".many"), count = ids.length;
  many.hidden = count < 2;
  many.textContent = view.group === "place" ? `${count} frames` : `${count}`;
  if (tile.dataset.sha256 !== row.sha256) {
    tile.dataset.sha256 = row.sha256;
    place(tile.querySelector("img"), tile.querySelector(".box"), row);
    tile.querySelector(".score").textContent = row.score.toFixed(2);
  }
  const doubt = row.held_back ? "held back, " : view.sort === "unlabelled" && row.unlabelled !== null ? `likely ${row.unlabelled.toFixed(2)}, ` : "";
  tile.querySelector(".name").textContent = `${doubt}${row.class}`;
  const alike = count < 2 ? "" : view.group === "place" ? `, fires here in ${count} frames` : `, ${count} alike`;
  tile.setAttribute("aria-label", `${doubt}${row.class}, score ${row.score.toFixed(2)}, ${CALLED[row.state]}${alike}, from ${row.source}`);
}

function place(image, box, row) {
  const [width, height] = row.size, scale = Math.min(side / width, shotHeight / height);
  const left = (side - width * scale) / 2, top = (shotHeight - height * scale) / 2;
  Object.assign(image.style, { left: `${left}px`, top: `${top}px`, width: `${width * scale}px`, height: `${height * scale}px` });
  image.classList.remove("wrong");
  image.src = `/thumbnails/${row.sha256}.jpg`;
  box.hidden = !row.box;
  if (!row.box) return;
  const [x1, y1, x2, y2] = row.box.map((value) => value * scale);
  Object.assign(box.style, { left: `${left + x1}px`, top: `${top + y1}px`, width: `${Math.max(x2 - x1, 4)}px`, height: `${Math.max(y2 - y1, 4)}px` });
}

function scrollTo(line) {
  const top = 8 + Math.floor(line / columns) * lineHeight, bottom = top + lineHeight;
  if (top < grid.scrollTop) grid.scrollTop = top - 8;
  else if (bottom > grid.scrollTop + grid.clientHeight) grid.scrollTop = bottom - grid.clientHeight;
}

function goTo(line, { extend = false } = {}) {
  if (!lines.length) return;
  at = Math.max(0, Math.min(line, lines.length - 1));
  if (extend) {
    selected.clear();
    for (let each = Math.min(anchor, at); each <= Math.max(anchor, at); each++) idsOf(each).forEach((id) => selected.add(id));
  } else anchor = at;
  scrollTo(at);
  draw();
  showCounts();
  if (largeOpen) showLarge();
}

// ---- verdicts -------------------------------------------------------------------------------------------------------

const pending = new Map(); // id to how many verdicts about it are not stored yet
let queue = Promise.resolve(); // verdicts are stored one after the other, in their order
const bankKey = document.body.dataset.bankKey;
const ACTS = `acts ${bankKey}`; // another bank may be reviewed at the same address
let ownActs = JSON.parse(sessionStorage.getItem(ACTS) ?? "[]"); // of this window, to undo; it survives a reload
let armed = 0; // an act of another window, which the next undo takes back

function rememberAct(id) {
  ownActs.push(id);
  sessionStorage.setItem(ACTS, JSON.stringify(ownActs));
}

function decide(state) {
  if (document.body.dataset.readOnly !== undefined) { say("This bank cannot be written, so nothing can be decided."); return; }
  const isSelection = selected.size > 0;
  const ids = isSelection ? [...selected] : idsOf(at);
  if (!ids.length) return;
  const sha256s = hashesOf(ids);
  const before = new Map(ids.map((id) => [id, rows.get(id)?.state]));
  for (const id of ids) {
    pending.set(id, (pending.get(id) ?? 0) + 1);
    if (rows.has(id)) rows.get(id).state = state;
  }
  selected.clear();
  armed = 0;
  if (!isSelection) goTo(at + 1); else { draw(); showCounts(); if (largeOpen) showLarge(); }
  queue = queue.then(async () => {
    try {
      const done = await change("/api/decide", { ids, sha256s, state });
      showProblem(null);
      if (done.act) { rememberAct(done.act.id); noteOwn(done); }
      const count = done.act ? done.act.ids.length : 0;
      say(count ? `${state === "unreviewed" ? "Cleared" : capital(CALLED[state])}: ${counted(count, "negative")}. U takes it back.` : "They had that verdict before.");
      release(ids);
      showProgress(done);
    } catch (error) {
      release(ids);
      for (const [id, old] of before) if (rows.has(id) && old !== undefined) rows.get(id).state = old;
      showProblem(error);
      say(error.message);
      progress.listed = ""; // what is there now is loaded with the next poll
    }
    draw();
    if (largeOpen) showLarge();
  });
}

// How the hashes begin of what is on the screen: a number may belong to another negative by now.
function hashesOf(ids) {
  const shown = (id) => (largeOpen && shownLarge?.id === id ? shownLarge : rows.get(id));
  return ids.map((id) => (shown(id)?.sha256 ?? hashAt(positionOf.get(id))).slice(0, HASH_DIGITS));
}

// Where nobody else decided anything since, the tiles are as they should be.
function noteOwn(done) {
  const undoneOf = (decisions) => decisions.split("-")[1];
  if (done.act.id === progress.last_act + 1 && progress.decisions === seenDecisions && undoneOf(done.decisions) === undoneOf(seenDecisions)) seenDecisions = done.decisions;
}

function release(ids) {
  for (const id of ids) if (pending.get(id) > 1) pending.set(id, pending.get(id) - 1); else pending.delete(id);
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

function undo() {
  queue = queue.then(async () => {
    try {
      while (true) {
        const act = ownActs.at(-1) ?? armed;
        if (!act) { offerOthers(); return; }
        const done = await change("/api/undo", { act, bank: bankKey });
        ownActs.pop();
        sessionStorage.setItem(ACTS, JSON.stringify(ownActs));
        armed = 0;
        showProblem(null);
        if (done.act) { await undone(done); return; }
      }
    } catch (error) { showProblem(error); }
  });
}

function offerOthers() {
  const other = progress.undoable;
  if (!other) { say("There is nothing to undo."); return; }
  armed = other.id;
  say(`Nothing of this window is left. U again takes back what was decided elsewhere or earlier: ${CALLED[other.state]}, ${counted(other.count, "negative")}.`);
}

async function undone(done) {
  const { ids, state } = done.act;
  say(`Taken back: ${CALLED[state]}, ${counted(ids.length, "negative")}.`);
  for (const id of ids) rows.delete(id);
  showProgress(done);
  const line = ids.map((id) => lineOf.get(id)).find((each) => each !== undefined);
  if (line !== undefined) { selected.clear(); goTo(line); }
  await fetchRows();
  if (largeOpen) showLarge();
}

// ---- selection ------------------------------------------------------------------------------------------------------

function toggle(line) {
  const ids = idsOf(line), all = ids.every((id) => selected.has(id));
  for (const id of ids) if (all) selected.delete(id); else selected.add(id);
  anchor = line;
  draw();
  showCounts();
}

function selectAlike() {
  if (!facets.known.clusters && !facets.known.places) { say(compareHint()); return; }
  const head = lines[at]?.[0];
  if (head === undefined) return;
  const alike = (groupAt) => {
    const found = [];
    if (groupAt(head) !== NO_GROUP) {
      for (let position = 0; position < list.length / FIELDS; position++) if (groupAt(position) === groupAt(head)) found.push(idAt(position));
    }
    return found;
  };
  const isSelected = (ids) => ids.every((id) => selected.has(id));
  const ofPlace = alike(placeAt), ofCluster = alike(clusterAt);
  const ids = ofPlace.length > 1 && !isSelected(ofPlace) ? ofPlace : ofCluster;
  if (ids.length < 2) { say("No other negative in the list is like this one."); return; }
  ids.forEach((id) => selected.add(id));
  say(ids === ofPlace ? `It fires here in ${counted(ids.length, "frame")}; all are selected.` : `${counted(ids.length, "negative")} of its cluster selected.`);
  draw();
  showCounts();
}

const compareHint = () => `Nobody has compared these negatives yet: run "${facets.compare}".`;

// ---- the large view -------------------------------------------------------------------------------------------------

let showing = 0; // counts requests, as `listing` does
let shownLarge = null; // what is known of the negative in it

async function showLarge() {
  const id = headOf(at), turn = ++showing;
  if (id === undefined) { large.replaceChildren(); return; }
  try {
    const details = await askJson(`/api/negatives/${id}`);
    if (turn !== showing) return;
    shownLarge = details;
    fillLarge(large, details);
    const next = rows.get(headOf(at + 1));
    if (next) new Image().src = `/crops/${next.sha256}.jpg`; // most people go on to the next one
  } catch (error) {
    if (turn === showing) large.replaceChildren(make("p", { className: "hint", textContent: error.message }));
  }
}

function fillLarge(panel, details, { brief = false } = {}) {
  const here = details.detections.filter((each) => each.is_here);
  const crop = picture(`/crops/${details.sha256}.jpg`, details.size, limits(panel, details.size));
  here.forEach((each) => each.in_crop && crop.append(boxOf(each.in_crop, details.size, "", `${each.class_name} ${each.score.toFixed(2)}`)));
  const size = details.source_size ?? [4, 3];
  const source = picture(`/sources/${details.source_sha256}.jpg`, size, limits(panel, size), () => {
    const [x1, y1, x2, y2] = details.rect;
    source.append(boxOf([x1, y1, x2, y2], size, "cut", ""));
    const named = details.detections.length + details.labels.length <= 24;
    details.detections.toSorted((a, b) => a.is_here - b.is_here).forEach((each) => source.append(boxOf(each.box_xyxy, size, kindOf(each), named || each.is_here ? `${each.class_name} ${each.score.toFixed(2)}` : "")));
    details.labels.forEach((each) => source.append(boxOf(each.box_xyxy, size, "label", named ? each.class_name : "")));
  });
  const views = make("div", { className: "views" },
    make("figure", {}, make("figcaption", { textContent: `Negative, ${details.size.join(" × ")} pixels` }), crop),
    make("figure", {}, make("figcaption", { textContent: `Its source image, ${size.join(" × ")} pixels` }), source));
  const pieces = [views, legend(details)];
  if (!brief) pieces.push(facts(details), foundTable(details));
  panel.replaceChildren(...pieces);
}

function limits(panel, [width, height]) {
  const besides = panel === peek || document.body.classList.contains("wide");
  const inner = panel.clientWidth - 28;
  const most = besides ? [(inner - 10) / 2, panel === peek ? window.innerHeight * 0.6 : window.innerHeight * 0.72] : [inner, window.innerHeight * 0.36];
  const scale = Math.min(most[0] / width, most[1] / height, besides ? 4 : 3);
  return [Math.round(width * scale), Math.round(height * scale)];
}

function picture(url, size, [width, height], whenShown = () => {}) {
  const image = make("img", { alt: "", src: url }), made = make("div", { className: "view" }, image);
  made.style.width = `${width}px`;
  made.style.height = `${height}px`;
  image.addEventListener("load", whenShown);
  image.addEventListener("error", async () => {
    image.remove();
    const why = await ask(url).then(() => "It cannot be shown.", (error) => capital(error.message));
    made.append(make("p", { className: "said", textContent: why }));
  });
  return made;
}

function boxOf([x1, y1, x2, y2], [width, height], kind, text) {
  const made = make("div", { className: `box ${kind}` });
  Object.assign(made.style, { left: `${(100 * x1) / width}%`, top: `${(100 * y1) / height}%`, width: `${(100 * (x2 - x1)) / width}%`, height: `${(100 * (y2 - y1)) / height}%` });
  if (text) made.append(make("span", { textContent: text }));
  if (y1 / height < 0.08) made.classList.add("high");
  return made;
}

function kindOf(detection) {
  if (detection.is_here) return "here";
  return { background: "other", true_positive: "hit" }[detection.kind] ?? "near";
}

function legend(details) {
  const present = new Set(details.detections.map(kindOf));
  if (details.labels.length) present.add("label");
  const meanings = [["here", "false positive of this negative"], ["other", "other false positives"], ["hit", "found targets"], ["near", "near a target"], ["label", "labels"]];
  return make("p", { className: "legend" }, ...meanings.filter(([kind]) => present.has(kind)).map(([kind, text]) =>
    make("span", {}, make("i", { className: kind }), text)));
}

function facts(details) {
  const run = (number) => facets.runs.find((each) => each.value === String(number))?.label ?? `${number}`;
  const runs = [...new Set(details.detections.filter((each) => each.is_here).map((each) => run(each.run)))];
  const pairs = [
    ["Hardest", `${details.class}, score ${details.score.toFixed(3)}`], ["Verdict", CALLED[details.state]],
    ...(details.unlabelled === null ? [] : [["Like a target without a label", details.unlabelled.toFixed(2)]]),
    ...(details.held_back ? [["Held back", "not trained on until you accept it"]] : []),
    ["Id", details.sha256.slice(0, facets.digits)], ["File", details.file], ["Source", details.source],
    ["Cut at", `${details.rect[0]}, ${details.rect[1]} to ${details.rect[2]}, ${details.rect[3]}`], ["Found by", runs.join("; ")],
  ];
  return make("dl", { className: "facts" }, ...pairs.flatMap(([name, text]) => [make("dt", { textContent: name }), make("dd", { textContent: text })]));
}

function foundTable(details) {
  const cells = (name, texts) => texts.map((text) => make(name, { textContent: text }));
  const body = details.detections.map((each) => make("tr", { className: each.is_here ? "here" : "" },
    ...cells("td", [each.class_name, each.score.toFixed(3), each.kind.replaceAll("_", " "), each.is_here ? "in this negative" : each.skipped ?? ""])));
  const labels = details.labels.map((each) => make("tr", {}, ...cells("td", [each.class_name, "", "label", ""])));
  return make("table", { className: "found" },
    make("thead", {}, make("tr", {}, ...cells("th", ["Detection", "Score", "Kind", ""]))), make("tbody", {}, ...body, ...labels));
}

function openLarge(open, { wide = false } = {}) {
  largeOpen = open;
  document.body.classList.toggle("wide", open && wide);
  large.hidden = !open;
  closePeek();
  layOut();
  scrollTo(at);
  draw();
  if (open) showLarge(); else large.replaceChildren();
}

let peekTimer = 0;
function closePeek() { clearTimeout(peekTimer); peek.hidden = true; }

function startPeek(tile) {
  clearTimeout(peekTimer);
  if (largeOpen || !tile.dataset.id) return;
  peekTimer = setTimeout(async () => {
    const details = await askJson(`/api/negatives/${tile.dataset.id}`).catch(() => null);
    if (!details || !tile.matches(":hover") || largeOpen) return;
    const { left, right } = tile.getBoundingClientRect(), width = window.innerWidth;
    peek.hidden = false;
    const isLeft = (left + right) / 2 < width / 2;
    peek.style.left = isLeft ? `${Math.max(Math.min(right + 12, width - peek.offsetWidth - 12), 12)}px` : "auto";
    peek.style.right = isLeft ? "auto" : `${Math.max(Math.min(width - left + 12, width - peek.offsetWidth - 12), 12)}px`;
    fillLarge(peek, details, { brief: true });
  }, HOVER);
}

// ---- filters, counts and progress -----------------------------------------------------------------------------------

function choices(into, name, options, chosen, onChange) {
  into.replaceChildren(...options.map(({ value, label, count }) => {
    const box = make("input", { type: "checkbox", name, value, checked: chosen.includes(value) });
    box.addEventListener("change", () => onChange([...into.querySelectorAll("input:checked")].map((each) => each.value)));
    return make("label", { className: "choice", title: label }, box, make("span", { textContent: label }), make("b", { textContent: count.toLocaleString("en") }));
  }));
}

function select(into, all, options, chosen) {
  into.replaceChildren(make("option", { value: "", textContent: all }), ...options.map(({ value, label, count }) =>
    make("option", { value, textContent: `${label} (${count.toLocaleString("en")})` })));
  into.value = chosen;
}

function showFilters() {
  choices(byId("classes"), "class", facets.classes, view.classes, (names) => refilter({ classes: names }));
  select(byId("run"), "all runs", facets.runs, view.run);
  select(byId("folder"), "all folders", facets.folders, view.folder);
  for (const name of ["min", "max", "sort", "group", "size"]) byId(name).value = view[name];
  showStates();
  const { unlabelled, clusters, places } = facets.known;
  byId("hint").hidden = unlabelled && clusters && places;
  byId("hint").textContent = clusters || places
    ? "Likely unlabelled targets are not known yet. This command finds them, with labelled images to compare with: "
    : "Likely unlabelled targets, clusters and places are not known yet. This command finds them: ";
  if (!byId("hint").hidden) byId("hint").append(make("code", { textContent: facets.compare }));
}

function showStates() {
  choices(byId("states"), "state", STATES.map((value) => ({ value, label: capital(CALLED[value]), count: progress.states[value] ?? 0 })),
    view.states, (names) => refilter({ states: names }));
}

function showProgress(now) {
  const states = now.states, total = STATES.reduce((sum, name) => sum + states[name], 0), left = states.unreviewed;
  Object.assign(progress, { ...now, act: undefined });
  const share = (name) => `${total ? (100 * states[name]) / total : 0}%`;
  for (const name of STATES.slice(1)) byId("bar").querySelector(`.${name}`).style.width = share(name);
  const text = `${(total - left).toLocaleString("en")} of ${total.toLocaleString("en")} decided`;
  byId("progress-text").textContent = total ? `${text}: ${states.accepted.toLocaleString("en")} accepted, ${states.rejected.toLocaleString("en")} rejected, ${counted(states.target, "target")}` : "No negatives yet";
  byId("progress").setAttribute("aria-label", byId("progress-text").textContent);
  for (const [index, name] of STATES.entries()) {
    const count = byId("states").children[index]?.querySelector("b");
    if (count) count.textContent = states[name].toLocaleString("en");
  }
}

function showCounts() {
  const negatives = list.length / FIELDS, what = { none: "", place: "place", cluster: "cluster" }[view.group];
  const shown = what ? `${counted(lines.length, "line")} of ${counted(negatives, "negative")}` : counted(negatives, "negative");
  byId("shown").textContent = selected.size ? `${shown}, ${selected.size.toLocaleString("en")} selected` : shown;
}

async function refilter(changed) {
  Object.assign(view, changed);
  rememberView();
  try { await loadList({ renewed: true }); showProblem(null); } catch (error) { showProblem(error); }
}

function relay(changed) {
  const kept = headOf(at);
  Object.assign(view, changed);
  rememberView();
  byId("group").value = view.group;
  byId("size").value = view.size;
  layLines();
  at = anchor = lineOf.get(kept) ?? 0;
  layOut();
  scrollTo(at);
  draw();
}

// ---- what others change ---------------------------------------------------------------------------------------------

async function refresh() {
  await loadList({ renewed: false });
  const inView = new Set([...tiles.keys()].map(headOf));
  for (const id of rows.keys()) if (!inView.has(id)) rows.delete(id);
  await fetchRows({ again: true });
  if (largeOpen) showLarge();
}

async function poll() {
  if (document.visibilityState === "visible") {
    try {
      const now = await askJson("/api/changes");
      showProblem(null);
      const isDecided = now.decisions !== seenDecisions && !pending.size;
      if (isDecided) seenDecisions = now.decisions;
      if (now.version !== progress.listed) {
        facets = await askJson("/api/facets");
        showProgress(now);
        showFilters();
        await refresh();
      } else if (isDecided) {
        showProgress(now);
        await refresh();
      }
    } catch (error) { showProblem(error); }
  }
  setTimeout(poll, BETWEEN_POLLS);
}

// ---- keys and pointer -----------------------------------------------------------------------------------------------

const page = () => Math.max(1, Math.floor(grid.clientHeight / lineHeight) - 1) * columns;
const MOVES = {
  ArrowLeft: () => at - 1, ArrowRight: () => at + 1, ArrowUp: () => (at >= columns ? at - columns : at),
  ArrowDown: () => (at + columns < lines.length ? at + columns : at), Home: () => 0, End: () => lines.length - 1,
  PageUp: () => at - page(), PageDown: () => at + page(),
};
const GROUPS = ["none", "place", "cluster"];
const KEYS = {
  a: () => decide("accepted"), r: () => decide("rejected"), t: () => decide("target"), c: () => decide("unreviewed"),
  u: undo, x: () => toggle(at), l: selectAlike, n: nextUndecided,
  " ": () => openLarge(!largeOpen), Enter: () => openLarge(!largeOpen),
  f: () => openLarge(true, { wide: !document.body.classList.contains("wide") }),
  b: () => document.body.classList.toggle("no-boxes"),
  g: () => relay({ group: GROUPS[(GROUPS.indexOf(view.group) + 1) % GROUPS.length] }),
  "+": () => relay({ size: Math.min(view.size + 1, TILE_SIDES.length - 1) }),
  "=": () => relay({ size: Math.min(view.size + 1, TILE_SIDES.length - 1) }),
  "-": () => relay({ size: Math.max(view.size - 1, 0) }),
  "/": () => byId("filters").querySelector("input").focus(),
  "?": () => byId("help").showModal(),
  Escape: () => { if (selected.size) { selected.clear(); draw(); showCounts(); } else if (largeOpen) openLarge(false); },
};

async function nextUndecided() {
  for (let line = at + 1; line < lines.length; line++) {
    const row = rows.get(headOf(line));
    if (row ? row.state === "unreviewed" : true) { goTo(line); await fetchRows(); if (!row && rows.get(headOf(line))?.state !== "unreviewed") continue; return; }
  }
  say("All that follow are decided.");
}

document.addEventListener("keydown", (event) => {
  if (byId("help").open || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const inField = event.target.closest("input, select, textarea");
  if (inField) { if (key === "Escape") grid.focus(); return; }
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") { event.preventDefault(); undo(); }
    if (key === "a") { event.preventDefault(); for (let each = 0; each < lines.length; each++) idsOf(each).forEach((id) => selected.add(id)); draw(); showCounts(); }
    return;
  }
  if (event.target.closest("button") && (key === " " || key === "Enter")) return;
  if (key in MOVES) { event.preventDefault(); goTo(MOVES[key](), { extend: event.shiftKey }); return; }
  if (key in KEYS && !(event.repeat && "artcu".includes(key))) { event.preventDefault(); KEYS[key](); }
});

grid.addEventListener("click", (event) => {
  const tile = event.target.closest(".tile");
  if (!tile) return;
  const line = Number(tile.id.slice("line-".length));
  closePeek();
  if (event.ctrlKey || event.metaKey) { at = line; toggle(line); } else { if (!event.shiftKey) selected.clear(); goTo(line, { extend: event.shiftKey }); }
});
grid.addEventListener("dblclick", () => openLarge(true));
grid.addEventListener("pointerover", (event) => { const tile = event.target.closest(".tile"); if (tile && event.pointerType === "mouse") startPeek(tile); else closePeek(); });
grid.addEventListener("pointerout", (event) => { if (!event.relatedTarget?.closest?.(".tile")) closePeek(); else if (event.relatedTarget.closest(".tile") !== event.target.closest(".tile")) closePeek(); });
grid.addEventListener("scroll", () => { closePeek(); requestAnimationFrame(draw); }, { passive: true });

for (const button of document.querySelectorAll("[data-do]")) {
  button.addEventListener("click", () => { if (button.dataset.do === "undo") undo(); else decide(button.dataset.do); grid.focus(); });
}
byId("help-button").addEventListener("click", () => byId("help").showModal());
byId("run").addEventListener("change", (event) => refilter({ run: event.target.value }));
byId("folder").addEventListener("change", (event) => refilter({ folder: event.target.value }));
byId("sort").addEventListener("change", (event) => refilter({ sort: event.target.value }));
byId("group").addEventListener("change", (event) => relay({ group: event.target.value }));
byId("size").addEventListener("input", (event) => relay({ size: Number(event.target.value) }));
for (const name of ["min", "max"]) byId(name).addEventListener("change", (event) => refilter({ [name]: event.target.value }));
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("reset", (event) => {
  event.preventDefault();
  Object.assign(view, { classes: [], states: [...STATES], run: "", folder: "", min: "", max: "" });
  showFilters();
  refilter({});
});
new ResizeObserver(() => { layOut(); if (largeOpen) showLarge(); }).observe(grid);

// ---- begin ----------------------------------------------------------------------------------------------------------

if (document.body.dataset.readOnly !== undefined) for (const button of document.querySelectorAll("[data-do]")) button.disabled = true;
try {
  showProgress(await askJson("/api/changes"));
  seenDecisions = progress.decisions;
  facets = await askJson("/api/facets");
  view.group ||= "none"; // one key decides about what is seen
  rememberView();
  showFilters();
  await loadList({ renewed: true });
} catch (error) { showProblem(error); }
grid.focus();
setTimeout(poll, BETWEEN_POLLS);
