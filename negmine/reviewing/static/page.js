// Words and elements that every part of the page uses. Names reach the page as text alone, never as HTML.

export const STATES = ["unreviewed", "accepted", "rejected", "target"];
export const CALLED = { unreviewed: "undecided", accepted: "accepted", rejected: "rejected", target: "target" };
export const MARKS = { unreviewed: "", accepted: "✓", rejected: "✕", target: "◎ target" };

export const byId = (id) => document.getElementById(id);
export const capital = (text) => text[0].toUpperCase() + text.slice(1);
export const grouped = (number) => number.toLocaleString("en");
export const counted = (number, noun) => `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;
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
