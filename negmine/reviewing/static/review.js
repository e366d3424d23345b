// The page of `negmine review`: it begins here, and looks again and again for what others change.

import { showFilters, showProgress } from "./filters.js";
import { grid, loadList, reload } from "./grid.js";
import "./keys.js";
import { bank, rememberView } from "./negatives.js";
import { kind, showProblem } from "./page.js";
import { askJson } from "./server.js";
import { sendWaiting } from "./verdicts.js";
import { waitingCount } from "./waiting.js";

const BETWEEN_POLLS = 1500; // ms

async function lookForChanges() {
  const now = await askJson(`/api/changes?kind=${kind}`);
  if (waitingCount()) { sendWaiting(); return; }
  showProblem(null);
  const isDecided = now.decisions !== bank.seenDecisions;
  if (isDecided) bank.seenDecisions = now.decisions;
  if (now.version !== bank.listed) {
    bank.facets = await askJson(`/api/facets?kind=${kind}`);
    showProgress(now);
    showFilters();
    await reload();
  } else if (isDecided) {
    showProgress(now);
    await reload();
  }
}

async function poll() {
  if (document.visibilityState === "visible") {
    try { await lookForChanges(); } catch (error) { showProblem(error); }
  }
  setTimeout(poll, BETWEEN_POLLS);
}

try {
  showProgress(await askJson(`/api/changes?kind=${kind}`));
  bank.seenDecisions = bank.progress.decisions;
  rememberView();
  await loadList({ renewed: true });
  bank.facets = await askJson(`/api/facets?kind=${kind}`);
  showFilters();
  if (waitingCount()) sendWaiting();
} catch (error) { showProblem(error); }
grid.focus();
setTimeout(poll, BETWEEN_POLLS);
