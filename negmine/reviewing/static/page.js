// Words and elements that every part of the page uses. Names reach the page as text alone, never as HTML.

export const kind = document.body.dataset.kind; // what the page shows: negatives or misses
export const isOfMisses = kind === "misses";
export const NOUNS = isOfMisses ? ["likely miss", "likely misses"] : ["negative", "negatives"];
export const STATES = isOfMisses ? ["unreviewed", "target", "rejected"] : ["unreviewed", "accepted", "rejected", "target"];
export const CALLED = { unreviewed: "undecided", accepted: "accepted", rejected: "rejected", target: "target" };
export const MARKS = { unreviewed: "", accepted: "✓", rejected: "✕", target: "◎ target" };

export const byId = (id) => document.getElementById(id);
export const capital = (text) => text[0].toUpperCase() + text.slice(1);
export const grouped = (number) => number.toLocaleString("en");
export const counted = (number, noun, plural = `${noun}s`) => `${grouped(number)} ${number === 1 ? noun : plural}`;
export const countedItems = (number) => counted(number, ...NOUNS);
export const isReadOnly = document.body.dataset.readOnly !== undefined;

export function make(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made && key !== "list") made[key] = value; else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export function showProblem(error) {
  byId("problem").textContent = error ? error.message : "";
  byId("problem").hidden = !error;
}

let saidTimer = 0;
export function say(text) {
  byId("said").textContent = text;
  byId("said").classList.add("shown");
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => byId("said").classList.remove("shown"), 4000);
}
