// All features over time: a strip of cells for each, the one that moved most first.

import { empty, h } from "./dom.js";
import { LEVELS, MARKS, WORDS, number, time } from "./format.js";
import { address } from "./route.js";
import { drawStrip, palette } from "./strip.js";

const ORDER = { D: 3, W: 2, U: 1, S: 0 };

function level(letter) {
  const name = LEVELS[letter] ?? "UNKNOWN";
  const kind = { D: "bad", W: "watch", S: "well", U: "none" }[letter] ?? "none";
  return h("span", { class: `badge ${kind}` }, h("span", { class: "mark", "aria-hidden": "true" }, MARKS[name]), ` ${WORDS[name]}`);
}

export async function featuresTab(context) {
  const { data, model, version, window } = context;
  if (!data.cells.length) return empty("No window of features is kept yet.", "They show when the next window of the data closes.");
  const chosen = context.chosen();
  const cell = data.cells[chosen];
  const row = data.rows[chosen];
  const count = (i, letter) => data.cells.filter((one) => one.levels[i] === letter).length;
  const order = data.features.map((name, i) => ({ name, i, ratio: (cell.psi[i] ?? 0) / (cell.threshold[i] || 1) }))
    .sort((a, b) => ORDER[cell.levels[b.i]] - ORDER[cell.levels[a.i]] || b.ratio - a.ratio || (a.name < b.name ? -1 : 1));
  const strips = [];
  const readout = h("output", { class: "readout" }, hint(data));
  const rows = order.map(({ name, i }) => {
    const canvas = h("canvas", { class: "strip", "aria-hidden": "true",
      click: (event) => context.choose(place(event, data)),
      mousemove: (event) => { const at = place(event, data); readout.textContent = told(data, name, i, at); },
      mouseleave: () => { readout.textContent = hint(data); } });
    strips.push([canvas, i]);
    const held = row.held_back.includes(name);
    const faults = Object.hasOwn(row.faults, name) ? row.faults[name] : null;
    return h("tr", {},
      h("th", { scope: "row" }, h("a", { id: `f-${name}`, href: address(["model", model, version, "feature", name], { window, at: context.at }) }, name)),
      h("td", {}, level(cell.levels[i]), held ? h("span", { class: "tag" }, "held back") : null, faults ? h("span", { class: "tag" }, faults.join(", ").replaceAll("_", " ")) : null),
      h("td", { class: "num" }, number(cell.psi[i] === null ? null : Math.max(0, cell.psi[i]))),
      h("td", { class: "num" }, number(cell.threshold[i])),
      h("td", { class: "num" }, `${count(i, "D")} of ${data.cells.length}`),
      h("td", { class: "cells" }, canvas));
  });
  context.painted = () => {
    const colours = palette();
    for (const [canvas, i] of strips) if (canvas.isConnected) drawStrip(canvas, data.cells, i, context.chosen(), colours);
  };
  return h("div", {},
    h("div", { class: "legendline" }, h("span", {}, `${data.features.length} features over ${data.cells.length} windows of ${window}, ${time(data.rows[0].start)} to ${time(data.rows.at(-1).end)}. `),
      key("well", "stable"), key("watch", "watch"), key("bad", "drift"), key("none", "unknown"), readout),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Features over time" },
      h("table", { class: "features" }, h("caption", { class: "hidden" }, `Features in the window to ${time(row.end)}, the one that moved most first`),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Feature"), h("th", { scope: "col" }, "Level"),
          h("th", { scope: "col", class: "num" }, "PSI"), h("th", { scope: "col", class: "num" }, "Drift over"), h("th", { scope: "col", class: "num" }, "In drift"),
          h("th", { scope: "col", class: "cells" }, h("span", {}, time(data.rows[0].end)), h("span", {}, time(data.rows.at(-1).end))))),
        h("tbody", {}, rows))));
}

function hint(data) {
  return data.cells.length > 1 ? "The stronger the colour, the further over its bound. A click shows that window." : "";
}

function key(kind, word) {
  return h("span", { class: `key ${kind}` }, word);
}

function place(event, data) {
  const box = event.currentTarget.getBoundingClientRect();
  return Math.min(data.cells.length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * data.cells.length)));
}

function told(data, name, i, at) {
  const cell = data.cells[at];
  return `${name}, window to ${time(data.rows[at].end)}: ${WORDS[LEVELS[cell.levels[i]]]}, PSI ${number(cell.psi[i])} of ${number(cell.threshold[i])}`;
}
