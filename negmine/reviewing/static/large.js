// One negative large, beside its whole source image: at the side, over the page, or under the pointer.

import { bank, headOf, shown } from "./negatives.js";
import { byId, CALLED, capital, isOfMisses, kind, make } from "./page.js";
import { ask, askJson } from "./server.js";

const HOVER = 450; // ms until a tile under the pointer is shown large
const large = byId("large"), content = byId("large-content"), peek = byId("peek");
const narrow = window.matchMedia("(max-width: 700px)"); // as in the stylesheet

let showing = 0; // counts requests, so that a late answer is not shown
let details = null; // what is known of the negative in it

export const inLargeView = (id) => (shown.isLarge && details?.id === id ? details : undefined);

export async function showLarge() {
  const id = headOf(shown.at), turn = ++showing;
  if (id === undefined) { content.replaceChildren(); return; }
  try {
    const answer = await askJson(`/api/${kind}/${id}`);
    if (turn !== showing) return;
    details = answer;
    fillPanel(large, content, details);
    const next = shown.rows.get(headOf(shown.at + 1));
    if (next) new Image().src = isOfMisses ? next.picture : `/crops/${next.sha256}.jpg`; // most people go on to the next one
  } catch (error) {
    if (turn === showing) content.replaceChildren(make("p", { className: "hint", textContent: capital(error.message) }));
  }
}

// The grid notices that its width changed.
export function openLarge(open, { wide = false } = {}) {
  shown.isLarge = open;
  document.body.classList.toggle("large-open", open);
  document.body.classList.toggle("wide", open && wide);
  byId("large-button").setAttribute("aria-expanded", open);
  large.hidden = !open;
  large.scrollTop = 0;
  closePeek();
  if (open) showLarge(); else content.replaceChildren();
}

function fillPanel(panel, into, known, { brief = false } = {}) {
  const views = make("div", { className: "views" }, ...(isWhole(known) ? [wholeFigure(panel, known)] : [cropFigure(panel, known), sourceFigure(panel, known)]));
  const pieces = [views, legend(known)];
  if (!brief) pieces.push(facts(known), foundTable(known));
  into.replaceChildren(...pieces);
}

const isWhole = ({ missed, rect, size, source_size }) => !missed && String([0, 0, ...size]) === String(rect) && String(size) === String(source_size);
const sourceUrl = (known) => `/sources/${known.source_sha256}.jpg`;
const figure = (text, view) => make("figure", {}, make("figcaption", { textContent: text }), view);
const pixels = (size) => `${size.join(" × ")} pixels`;
const scored = (each) => `${each.class_name ?? each.class} ${each.score.toFixed(2)}`;

function cropFigure(panel, known) {
  const crop = picture(known.picture, limits(panel, known.size));
  if (known.missed) crop.append(boxOf(known.box, known.size, "missed", scored(known)));
  known.detections.forEach((each) => each.is_here && each.in_crop && crop.append(boxOf(each.in_crop, known.size, "", scored(each))));
  return figure(`${known.missed ? "Where it was likely missed" : "Negative"}, ${pixels(known.size)}`, crop);
}

function sourceFigure(panel, known) {
  const size = known.source_size ?? [4, 3];
  const source = picture(sourceUrl(known), limits(panel, size), () => {
    source.append(boxOf(known.rect, size, "cut", ""));
    drawFound(source, known, size);
  });
  return figure(`${known.missed ? "Its frame" : "Its source image"}, ${pixels(size)}`, source);
}

// Nothing was cut off, so that a second picture would show the same.
function wholeFigure(panel, known) {
  const whole = picture(known.picture, limits(panel, known.size, { isAlone: true }));
  drawFound(whole, known, known.size);
  const made = figure(`Negative: its whole source image, ${pixels(known.size)}`, whole);
  ask(sourceUrl(known)).catch((error) => made.append(make("p", { className: "hint", textContent: capital(error.message) })));
  return made;
}

function drawFound(into, known, size) {
  const named = !known.missed && known.detections.length + known.labels.length <= 24;
  known.detections.toSorted((a, b) => a.is_here - b.is_here).forEach((each) => into.append(boxOf(each.box_xyxy, size, kindOf(each), named || each.is_here ? scored(each) : "")));
  if (known.missed) into.append(boxOf(known.missed, size, "missed", scored(known)));
  known.labels.forEach((each) => into.append(boxOf(each.box_xyxy, size, "label", named ? each.class_name : "")));
}

function limits(panel, [width, height], { isAlone = false } = {}) {
  const besides = panel === peek || (document.body.classList.contains("wide") && !narrow.matches);
  const inner = panel.clientWidth - 28, share = isAlone ? 0.6 : 0.36;
  const most = besides ? [isAlone ? inner : (inner - 10) / 2, panel === peek ? window.innerHeight * 0.6 : window.innerHeight * 0.72] : [inner, window.innerHeight * share];
  const scale = Math.min(most[0] / width, most[1] / height, besides ? 4 : 3);
  return [Math.round(width * scale), Math.round(height * scale)];
}

function picture(url, [width, height], whenShown = () => {}) {
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
  if (x1 / width > 0.7) made.classList.add("right"); // its name would be cut off
  return made;
}

function kindOf(detection) {
  if (detection.is_here) return "here";
  return { background: "other", true_positive: "hit" }[detection.kind] ?? "near";
}

function legend(known) {
  const present = new Set(known.detections.map(kindOf));
  if (known.labels.length) present.add("label");
  if (known.missed) present.add("missed");
  const meanings = [["missed", "likely missed"], ["here", "false positive of this negative"], ["other", "other false positives"], ["hit", "found targets"], ["near", known.missed ? "found, and confirmed by other frames" : "near a target"], ["label", "labels"]];
  return make("p", { className: "legend" }, ...meanings.filter(([kind]) => present.has(kind)).map(([kind, text]) =>
    make("span", {}, make("i", { className: kind }), text)));
}

function facts(known) {
  const run = (number) => bank.facets.runs.find((each) => each.value === String(number))?.label ?? `${number}`;
  const runs = [...new Set(known.detections.filter((each) => each.is_here).map((each) => run(each.run)))];
  const likeness = known.unlabelled === null ? [] : [["Like a target without a label", known.unlabelled.toFixed(2)]];
  const waits = known.held_back ? [["Held back", "not trained on until you decide"]] : [];
  const pairs = known.missed ? [
    ["Likely missed", `${known.class}, found with ${known.score.toFixed(3)} beside it`], ["Verdict", CALLED[known.state]],
    ["Id", known.name.slice(0, bank.facets.digits + 1)], ["Frame", known.source],
    ["Box", known.missed.map((each) => each.toFixed(1)).join(", ")],
  ] : [
    ["Hardest", `${known.class}, score ${known.score.toFixed(3)}`], ["Verdict", CALLED[known.state]], ...likeness, ...waits,
    ["Id", known.sha256.slice(0, bank.facets.digits)], ["File", known.file], ["Source", known.source],
    ["Cut at", `${known.rect[0]}, ${known.rect[1]} to ${known.rect[2]}, ${known.rect[3]}`], ["Found by", runs.join("; ")],
  ];
  return make("dl", { className: "facts" }, ...pairs.flatMap(([name, text]) => [make("dt", { textContent: name }), make("dd", { textContent: text })]));
}

function foundTable(known) {
  const cells = (name, texts) => texts.map((text) => make(name, { textContent: text }));
  const body = known.detections.map((each) => make("tr", { className: each.is_here ? "here" : "" },
    ...cells("td", [each.class_name, each.score.toFixed(3), each.kind.replaceAll("_", " "), each.is_here ? "in this negative" : (each.skipped ?? "").replaceAll("_", " ")])));
  const labels = known.labels.map((each) => make("tr", {}, ...cells("td", [each.class_name, "", "label", ""])));
  return make("table", { className: "found" },
    make("thead", {}, make("tr", {}, ...cells("th", ["Detection", "Score", "Kind", ""]))), make("tbody", {}, ...body, ...labels));
}

let peekTimer = 0;
export function closePeek() { clearTimeout(peekTimer); peek.hidden = true; }

export function startPeek(tile) {
  clearTimeout(peekTimer);
  if (shown.isLarge || !tile.dataset.id) return;
  peekTimer = setTimeout(async () => {
    const known = await askJson(`/api/${kind}/${tile.dataset.id}`).catch(() => null);
    if (!known || !tile.matches(":hover") || shown.isLarge) return;
    const { left, right } = tile.getBoundingClientRect(), width = window.innerWidth;
    peek.hidden = false;
    const isLeft = (left + right) / 2 < width / 2;
    peek.style.left = isLeft ? `${Math.max(Math.min(right + 12, width - peek.offsetWidth - 12), 12)}px` : "auto";
    peek.style.right = isLeft ? "auto" : `${Math.max(Math.min(width - left + 12, width - peek.offsetWidth - 12), 12)}px`;
    fillPanel(peek, peek, known, { brief: true });
  }, HOVER);
}
