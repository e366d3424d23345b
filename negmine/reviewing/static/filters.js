// The filters on the left, and the progress in the header.

import { refilter, relay } from "./grid.js";
import { bank, view } from "./negatives.js";
import { byId, CALLED, capital, counted, grouped, isOfMisses, make, NOUNS, STATES } from "./page.js";

function choices(into, name, options, chosen, onChange) {
  into.replaceChildren(...options.map(({ value, label, count }) => {
    const box = make("input", { type: "checkbox", name, value, checked: chosen.includes(value) });
    box.addEventListener("change", () => onChange([...into.querySelectorAll("input:checked")].map((each) => each.value)));
    return make("label", { className: "choice", title: label }, box, make("span", { textContent: label }), make("b", { textContent: grouped(count) }));
  }));
}

function select(into, all, options, chosen) {
  into.replaceChildren(make("option", { value: "", textContent: all }), ...options.map(({ value, label, count }) =>
    make("option", { value, textContent: `${label} (${grouped(count)})` })));
  into.value = chosen;
}

export function showFilters() {
  const { facets } = bank, { unlabelled, clusters, places, flickers } = facets.known;
  choices(byId("classes"), "class", facets.classes, view.classes, (names) => refilter({ classes: names }));
  select(byId("run"), "all runs", facets.runs, view.run);
  select(byId("folder"), "all folders", facets.folders, view.folder);
  for (const name of ["min", "max", "sort", "group", "size"]) byId(name).value = view[name];
  byId("held").checked = view.held !== "";
  byId("held-back").hidden = !unlabelled && !flickers;
  showStates();
  byId("hint").hidden = isOfMisses || (unlabelled && clusters && places);
  byId("hint").textContent = clusters || places
    ? "Likely unlabelled targets are not known yet. This command finds them, with labelled images to compare with: "
    : "Likely unlabelled targets, clusters and places are not known yet. This command finds them: ";
  if (!byId("hint").hidden) byId("hint").append(make("code", { textContent: facets.compare }));
}

function showStates() {
  const { states } = bank.progress;
  choices(byId("states"), "state", STATES.map((value) => ({ value, label: capital(CALLED[value]), count: states[value] ?? 0 })),
    view.states, (names) => refilter({ states: names }));
  for (const box of byId("states").querySelectorAll("input")) box.disabled = view.held !== ""; // what is held back is undecided
}

export function showProgress(now) {
  const { states } = now, total = STATES.reduce((sum, name) => sum + states[name], 0), left = states.unreviewed;
  Object.assign(bank.progress, { ...now, act: undefined });
  const share = (name) => `${total ? (100 * states[name]) / total : 0}%`;
  for (const name of STATES.slice(1)) byId("bar").querySelector(`.${name}`).style.width = share(name);
  const text = `${grouped(total - left)} of ${grouped(total)} decided`;
  const each = STATES.slice(1).map((name) => (name === "target" ? counted(states.target, "target") : `${grouped(states[name])} ${name}`));
  byId("progress-text").textContent = total ? `${text}: ${each.join(", ")}` : `No ${NOUNS[1]} yet`;
  for (const [name, count] of Object.entries(now.counts)) byId(`count-${name}`).textContent = grouped(count);
  byId("kinds").hidden = !now.counts.misses && !isOfMisses;
  byId("progress").setAttribute("aria-label", byId("progress-text").textContent);
  byId("held-count").textContent = grouped(now.held_back);
  for (const [index, name] of STATES.entries()) {
    const count = byId("states").children[index]?.querySelector("b");
    if (count) count.textContent = grouped(states[name]);
  }
}

byId("run").addEventListener("change", (event) => refilter({ run: event.target.value }));
byId("folder").addEventListener("change", (event) => refilter({ folder: event.target.value }));
byId("sort").addEventListener("change", (event) => refilter({ sort: event.target.value }));
byId("group").addEventListener("change", (event) => relay({ group: event.target.value }));
byId("size").addEventListener("input", (event) => relay({ size: Number(event.target.value) }));
for (const name of ["min", "max"]) byId(name).addEventListener("change", (event) => refilter({ [name]: event.target.value }));
byId("held").addEventListener("change", (event) => {
  refilter({ held: event.target.checked ? "1" : "" });
  showStates();
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("reset", (event) => {
  event.preventDefault();
  Object.assign(view, { classes: [], states: [...STATES], run: "", folder: "", min: "", max: "", held: "" });
  showFilters();
  refilter({});
});
byId("filters-button").addEventListener("click", () => {
  const isOpen = document.body.classList.toggle("filtering");
  byId("filters-button").setAttribute("aria-expanded", isOpen);
  byId("filters-button").textContent = isOpen ? "Done" : "Filters";
});
