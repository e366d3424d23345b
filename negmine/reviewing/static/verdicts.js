// Deciding, and taking it back. What the page shows as decided is stored. Verdicts are sent one after the other; where
// nobody answers they wait, the frame goes back to the first of them, and they are sent when somebody answers again.

import { showProgress } from "./filters.js";
import { draw, drawSelection, fetchRows, goTo, noteStates } from "./grid.js";
import { inLargeView, showLarge } from "./large.js";
import { bank, hashOf, idsOf, lineOf, shortHash, shown } from "./negatives.js";
import { byId, CALLED, capital, counted, countedItems, isOfMisses, isReadOnly, kind, say, showProblem } from "./page.js";
import { change, Refused, Unreachable } from "./server.js";
import { addWaiting, dropWaiting, firstWaiting, lastWaiting, waitingCount } from "./waiting.js";

const PAUSE = 800; // ms
const bankKey = document.body.dataset.bankKey;
const ACTS = `acts ${kind} ${bankKey}`;
const ownActs = JSON.parse(sessionStorage.getItem(ACTS) ?? "[]"); // of this window, to undo; it survives a reload
let armed = 0; // an act of another window, which the next undo takes back
let isStuck = false; // nobody answers
let wentBack = 0; // when the frame last went back; a key that was meant for another tile may follow
let queue = Promise.resolve();

const inTurn = (task) => { queue = queue.then(task).catch(showProblem); };
const keepActs = () => sessionStorage.setItem(ACTS, JSON.stringify(ownActs));

export function decide(state) {
  if (isOfMisses && state === "accepted") return;
  if (isReadOnly) { say("This bank is read-only: nothing can be decided."); return; }
  if (Date.now() - wentBack < PAUSE) { say("The frame went back to a verdict that was not stored. Look, and press again."); return; }
  const isSelection = shown.selected.size > 0;
  const ids = isSelection ? [...shown.selected] : idsOf(shown.at);
  if (!ids.length) return;
  if (isStuck && String(lastWaiting()?.ids) === String(ids)) dropWaiting(lastWaiting()); // another word on the same
  addWaiting({ ids, sha256s: ids.map(seenHash), state });
  armed = 0;
  if (isSelection) shown.selected.clear();
  if (isSelection || isStuck) drawSelection(); else goTo(shown.at + 1);
  sendWaiting();
}

// How the hash begins of what is on the screen: a number may belong to another negative by now.
function seenHash(id) {
  const sha256 = (inLargeView(id) ?? shown.rows.get(id))?.sha256;
  return sha256 === undefined ? hashOf(id) : shortHash(sha256);
}

export function sendWaiting() {
  inTurn(async () => {
    try {
      for (let verdict = firstWaiting(); verdict; verdict = firstWaiting()) await send(verdict);
      if (isStuck) { isStuck = false; showProblem(null); }
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      if (!isStuck) goBack(firstWaiting());
      isStuck = true;
      showProblem(error);
    }
    showWaiting();
  });
}

async function send(verdict) {
  const { ids, sha256s, state } = verdict;
  try {
    const done = await change("/api/decide", { kind, ids, sha256s, state });
    dropWaiting(verdict);
    noteStates(ids, state);
    if (done.act) { ownActs.push(isOfMisses ? undoingOf(done.act, verdict) : done.act.id); keepActs(); noteOwn(done); }
    const count = done.act ? done.act.ids.length : 0;
    say(count ? `${state === "unreviewed" ? "Cleared" : capital(CALLED[state])}: ${countedItems(count)}. U takes it back.` : "They had that verdict before.");
    showProgress(done);
    if (isStuck && ids.length === idsOf(shown.at).length && lineOf(ids[0]) === shown.at) goTo(shown.at + 1);
    else if (shown.isLarge) showLarge();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    dropWaiting(verdict);
    goBack(verdict);
    showProblem(error);
    say(`Not stored: ${error.message}`);
    bank.listed = ""; // what is there now is loaded with the next poll
  }
}

// Verdicts on likely misses are about places, not acts of the bank: taking one back is deciding what was before.
function undoingOf({ state, ids, before }, verdict) {
  return { state, ids, before, sha256s: ids.map((id) => verdict.sha256s[verdict.ids.indexOf(id)]) };
}

async function undoMisses() {
  const act = ownActs.at(-1);
  if (!act) { say("There is nothing to undo."); return; }
  let done = null;
  for (const state of new Set(act.before)) {
    const at = act.ids.keys().filter((index) => act.before[index] === state).toArray();
    done = await change("/api/decide", { kind, state, ids: at.map((index) => act.ids[index]), sha256s: at.map((index) => act.sha256s[index]) });
  }
  ownActs.pop();
  keepActs();
  showProblem(null);
  await undone({ ...done, act });
}

function goBack({ ids }) {
  wentBack = Date.now();
  showFirst(ids);
}

function showFirst(ids) {
  const line = ids.map((id) => lineOf(id)).find((each) => each !== undefined);
  if (line === undefined) draw(); else goTo(line);
}

function showWaiting() {
  const count = waitingCount();
  byId("waiting").hidden = !count;
  byId("waiting").textContent = count ? `Not stored yet: ${counted(count, "verdict")}. This window sends ${count === 1 ? "it" : "them"} as soon as the server answers; U takes the last one back.` : "";
  draw();
}

// Where nobody else decided anything since, the tiles are as they should be.
function noteOwn(done) {
  const undoneOf = (decisions) => decisions.split("-")[1], { progress, seenDecisions } = bank;
  if (done.act.id === progress.last_act + 1 && progress.decisions === seenDecisions && undoneOf(done.decisions) === undoneOf(seenDecisions)) bank.seenDecisions = done.decisions;
}

export function undo() {
  inTurn(async () => {
    try {
      if (waitingCount()) { takeBackWaiting(); return; }
      if (isOfMisses) { await undoMisses(); return; }
      while (true) {
        const act = ownActs.at(-1) ?? armed;
        if (!act) { offerOthers(); return; }
        const done = await change("/api/undo", { act, bank: bankKey });
        ownActs.pop();
        keepActs();
        armed = 0;
        showProblem(null);
        if (done.act) { await undone(done); return; }
      }
    } catch (error) {
      showProblem(error);
      say(`Not taken back: ${error.message}`);
    }
  });
}

function takeBackWaiting() {
  const verdict = lastWaiting();
  dropWaiting(verdict);
  say(`Taken back before it was stored: ${CALLED[verdict.state]}, ${countedItems(verdict.ids.length)}.`);
  showFirst(verdict.ids);
  showWaiting();
}

function offerOthers() {
  const other = bank.progress.undoable;
  if (!other) { say("There is nothing to undo."); return; }
  armed = other.id;
  say(`Nothing of this window is left. U again takes back what was decided elsewhere or earlier: ${CALLED[other.state]}, ${countedItems(other.count)}.`);
}

async function undone(done) {
  const { ids, state } = done.act;
  say(`Taken back: ${CALLED[state]}, ${countedItems(ids.length)}.`);
  noteStates(ids, null);
  showProgress(done);
  shown.selected.clear();
  showFirst(ids);
  await fetchRows();
  if (shown.isLarge) showLarge();
}

window.addEventListener("beforeunload", (event) => { if (waitingCount()) event.preventDefault(); });
