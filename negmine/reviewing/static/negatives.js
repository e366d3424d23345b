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
  lines: [], // of the grid: each an array of positions in the list
  lineOf: new Map(), // by the id of each negative in it
  positionOf: new Map(), // in the list, by id
  rows: new Map(), // what tiles show, by id
  selected: new Set(), // ids
  at: 0, anchor: 0, // lines
  isLarge: false,
};

export const idAt = (position) => shown.list[FIELDS * position];
export const clusterAt = (position) => shown.list[FIELDS * position + 1];
export const placeAt = (position) => shown.list[FIELDS * position + 2];
export const idsOf = (line) => (shown.lines[line] ?? []).map(idAt);
export const headOf = (line) => (line in shown.lines ? idAt(shown.lines[line][0]) : undefined);
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

export function layLines() {
  const groupAt = { place: placeAt, cluster: clusterAt }[view.group];
  const first = new Map();
  const lines = [], lineOf = new Map(), positionOf = new Map();
  for (let position = 0; position < negativeCount(); position++) {
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
  Object.assign(shown, { lines, lineOf, positionOf });
}

// All that are in one group with a negative.
export function alike(position, groupAt) {
  const found = [], group = groupAt(position);
  if (group === NO_GROUP) return found;
  for (let each = 0; each < negativeCount(); each++) if (groupAt(each) === group) found.push(idAt(each));
  return found;
}
