// What is shown: the list of all negatives that the filters mean, as numbers, and the lines of the grid that they make.
// What a tile shows of one is asked for when it comes into view.

import { isOfMisses, kind } from "./page.js";

export const NO_GROUP = -1;
const FIELDS = 4; // of each negative: id, cluster, place, and the beginning of its hash
const HASH_DIGITS = 8;

const asked = new URLSearchParams(location.search);
export const view = {
  classes: asked.getAll("class"), states: asked.has("state") ? asked.getAll("state") : ["unreviewed"],
  run: asked.get("run") ?? "", folder: asked.get("folder") ?? "", min: asked.get("min") ?? "", max: asked.get("max") ?? "",
  decided: new Set(), // likely misses that were decided since the list was loaded; they stay in it
  held: asked.get("held") ?? "", sort: asked.get("sort") ?? "score", group: asked.get("group") || "none", // one key decides about what is seen
  size: Number(asked.get("size") ?? 2), since: 0,
};

export const bank = {
  facets: { classes: [], runs: [], folders: [], known: {}, digits: 7, compare: "" },
  progress: { version: "", decisions: "", states: {}, held_back: 0, last_act: 0, undoable: null },
  listed: "", // the version of the list
  seenDecisions: "", // that the tiles show; those of others are noticed by the difference
};

export const shown = {
  list: new Int32Array(0), // the fields of each negative, in order
  positionOf: new Map(), // in the list, by id
  lineAt: new Int32Array(0), // the line of the grid that each position is in
  positions: new Int32Array(0), // those of the first line, then those of the second, ...
  starts: new Int32Array(1), // where each line begins in these; then their end
  lineCount: 0,
  rows: new Map(), // what tiles show, by id
  selected: new Set(), // ids
  at: 0, anchor: 0, // lines
  isLarge: false,
};

export const idAt = (position) => shown.list[FIELDS * position];
export const clusterAt = (position) => shown.list[FIELDS * position + 1];
export const placeAt = (position) => shown.list[FIELDS * position + 2];
export const lineOf = (id) => shown.lineAt[shown.positionOf.get(id)];
export const positionsOf = (line) => (line < shown.lineCount ? [...shown.positions.subarray(shown.starts[line], shown.starts[line + 1])] : []);
export const idsOf = (line) => positionsOf(line).map(idAt);
export const headOf = (line) => (line < shown.lineCount ? idAt(shown.positions[shown.starts[line]]) : undefined);
export const negativeCount = () => shown.list.length / FIELDS;

export function hashOf(id) {
  return (shown.list[FIELDS * shown.positionOf.get(id) + 3] >>> 0).toString(16).padStart(HASH_DIGITS, "0");
}

export const shortHash = (sha256) => sha256.slice(0, HASH_DIGITS);

export function query() {
  const text = new URLSearchParams();
  for (const name of view.classes) text.append("class", name);
  for (const name of view.states) text.append("state", name);
  for (const name of ["run", "folder", "min", "max", "held"]) if (view[name] !== "") text.set(name, view[name]);
  text.set("sort", view.sort);
  if (isOfMisses) text.set("kind", kind);
  return text;
}

export function rememberView() {
  const text = query();
  if (!view.states.length) text.set("state", "");
  text.set("group", view.group);
  text.set("size", view.size);
  history.replaceState(null, "", `/?${text}`); // and the token leaves the address
}

export function takeList(list) {
  Object.assign(shown, { list, positionOf: new Map() });
  for (let position = 0; position < negativeCount(); position++) shown.positionOf.set(idAt(position), position);
  layLines();
}

// A bank may have hundreds of thousands of lines, so that none is an object of its own.
export function layLines() {
  const groupAt = { place: placeAt, cluster: clusterAt }[view.group] ?? (() => NO_GROUP), count = negativeCount();
  const first = new Map(), lineAt = new Int32Array(count), sizes = [];
  for (let position = 0; position < count; position++) {
    const group = groupAt(position), line = first.get(group) ?? sizes.length;
    if (line === sizes.length) sizes.push(0);
    if (group !== NO_GROUP) first.set(group, line);
    lineAt[position] = line;
    sizes[line] += 1;
  }
  const starts = new Int32Array(sizes.length + 1), positions = new Int32Array(count);
  sizes.forEach((size, line) => { starts[line + 1] = starts[line] + size; });
  const free = starts.slice();
  lineAt.forEach((line, position) => { positions[free[line]++] = position; });
  Object.assign(shown, { lineAt, positions, starts, lineCount: sizes.length });
}

// All that are in one group with a negative.
export function alike(position, groupAt) {
  const found = [], group = groupAt(position);
  if (group === NO_GROUP) return found;
  for (let each = 0; each < negativeCount(); each++) if (groupAt(each) === group) found.push(idAt(each));
  return found;
}
