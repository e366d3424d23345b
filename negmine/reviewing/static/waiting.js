// Verdicts that are not stored yet, in their order. They survive a reload of this window.

const { bankKey, kind } = document.body.dataset; // another bank may be reviewed at the same address
const KEPT = `waiting ${kind} ${bankKey}`;

const waiting = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"); // each { ids, sha256s, state }

function keep() {
  try { sessionStorage.setItem(KEPT, JSON.stringify(waiting)); } catch { /* too many for the browser to keep */ }
}

export const waitingCount = () => waiting.length;
export const firstWaiting = () => waiting[0];
export const lastWaiting = () => waiting.at(-1);

export function waitingState(id) {
  return waiting.findLast(({ ids }) => ids.includes(id))?.state;
}

export function addWaiting(verdict) {
  waiting.push(verdict);
  keep();
}

export function dropWaiting(verdict) {
  const index = waiting.indexOf(verdict);
  if (index >= 0) waiting.splice(index, 1);
  keep();
}
