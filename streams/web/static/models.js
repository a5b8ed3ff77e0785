// All versions, the one to look at first before the others.

import { ask } from "./api.js";
import { empty, h, put } from "./dom.js";
import { DIMENSIONS, MARKS, REASONS, WORDS, number, time } from "./format.js";
import { address } from "./route.js";

/** Rows that are built anew before the page may do something else. */
const ROWS_AT_ONCE = 60;
const TROUBLE = ["none", "well", "watch", "bad"];

/** A dimension as a mark and a word; colour is never all there is. */
export function badge(dimension, name, alone = false) {
  const level = dimension.level;
  if (level === null && !dimension.alerts) return alone ? h("span", { class: "dim" }, "not measured")
    : h("span", { class: "dim" }, h("span", { "aria-hidden": "true" }, "·"), h("span", { class: "hidden" }, `${name}: not measured`));
  const word = level === null ? "alert" : WORDS[level];
  const reason = dimension.reason ? `, ${REASONS[dimension.reason] ?? dimension.reason}` : "";
  const alerts = dimension.alerts ? `${dimension.alerts} ${dimension.severity.toLowerCase()}` : "";
  return h("span", { class: `badge ${TROUBLE[dimension.trouble]}`, title: `${name}: ${word}${dimension.window ? ` over ${dimension.window}` : ""}${reason}${alerts ? `, open alerts: ${alerts}` : ""}` },
    h("span", { class: "mark", "aria-hidden": "true" }, level === null ? "!" : MARKS[level]), ` ${word}`,
    reason && !alone ? h("span", { class: "hidden" }, reason) : null,
    dimension.alerts ? h("span", { class: "count" }, h("span", { class: "hidden" }, ", open alerts: "), String(dimension.alerts)) : null);
}

function compare(a, b) {
  for (let i = 0; i < a.rank.length; i += 1) if (a.rank[i] !== b.rank[i]) return b.rank[i] - a.rank[i];
  return a.model < b.model ? -1 : a.model > b.model ? 1 : a.version < b.version ? -1 : a.version > b.version ? 1 : 0;
}

function rowOf(one) {
  const worst = Math.max(...Object.values(one.dimensions).map((d) => d.trouble));
  return h("tr", { class: `t-${TROUBLE[worst]}` },
    h("th", { scope: "row" }, h("a", { href: address(["model", one.model, one.version]), id: `m-${one.model}@${one.version}` },
      h("span", { class: "name" }, one.model), " ", h("span", { class: "version" }, one.version))),
    DIMENSIONS.map(([key, name]) => h("td", { "data-label": name }, badge(one.dimensions[key], name))),
    h("td", { class: "num", "data-label": "Open alerts" }, one.open_alerts ? h("strong", {}, String(one.open_alerts)) : "0"),
    h("td", { class: "num", "data-label": "Triggers" }, String(one.triggers)),
    h("td", { class: "drifted", "data-label": "Drifted features" }, one.drifted.length ? one.drifted.join(", ") : h("span", { class: "dim" }, "none")),
    h("td", { class: "num", "data-label": "Events" }, number(one.events)),
    h("td", { class: "when", "data-label": "Window ends" }, time(one.end)));
}

export function modelsView() {
  const known = new Map();
  const body = h("tbody", {});
  const summary = h("p", { class: "summary", role: "status" });
  const filter = h("input", { id: "filter", type: "search", placeholder: "Filter by name", "aria-label": "Filter by name", input: () => arrange() });
  const box = h("div", {});
  const pending = new Set();
  let frame = 0;

  const key = (one) => JSON.stringify([one.model, one.version]);

  function arrange() {
    const wanted = filter.value.toLowerCase();
    const ordered = [...known.values()].sort((a, b) => compare(a.tree, b.tree));
    for (const id of [...pending].slice(0, ROWS_AT_ONCE)) {
      pending.delete(id);
      const one = known.get(id);
      if (!one) continue;
      const fresh = rowOf(one.tree);
      if (one.row) {
        const focused = one.row.contains(document.activeElement);
        one.row.replaceWith(fresh);
        if (focused) fresh.querySelector("a").focus({ preventScroll: true });
        fresh.classList.add("changed");
      }
      one.row = fresh;
    }
    if (pending.size) soon();
    let at = body.firstElementChild;
    for (const one of ordered) {
      if (!one.row) continue;
      if (one.row === at) at = at.nextElementSibling;
      else body.insertBefore(one.row, at);
      one.row.hidden = wanted !== "" && !`${one.tree.model} ${one.tree.version}`.toLowerCase().includes(wanted);
    }
    const worst = ordered.map((one) => Math.max(...Object.values(one.tree.dimensions).map((d) => d.trouble)));
    const many = (level) => worst.filter((one) => one === level).length;
    const text = `${ordered.length} ${ordered.length === 1 ? "version" : "versions"}: ${many(3)} in trouble, ${many(2)} to watch, ${many(1)} well, ${many(0)} not yet known`;
    if (summary.textContent !== text) summary.textContent = text;
  }

  function soon() {
    frame ||= requestAnimationFrame(() => { frame = 0; arrange(); });
  }

  function take(rows) {
    const first = known.size === 0;
    for (const tree of rows) {
      const id = key(tree);
      known.set(id, { tree, row: known.get(id)?.row ?? null });
      pending.add(id);
    }
    if (first && known.size) draw();
    arrange();
  }

  function draw() {
    if (!known.size) {
      put(box, empty("No window has been judged yet.",
        "A model shows here when its first window closes: publish predictions, and heartbeats so that time goes on.",
        "To see it with real data at once: ", h("code", {}, "make demo")));
      return;
    }
    put(box, h("div", { class: "head" }, h("h1", {}, "Models by trouble"), summary, filter),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Models by trouble" },
        h("table", { class: "models" },
          h("caption", { class: "hidden" }, "Versions of models, the one in most trouble first"),
          h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Model"),
            DIMENSIONS.map(([, name]) => h("th", { scope: "col" }, name)),
            h("th", { scope: "col", class: "num" }, "Alerts"), h("th", { scope: "col", class: "num" }, "Triggers"),
            h("th", { scope: "col" }, "Drifted features"), h("th", { scope: "col", class: "num" }, "Events"),
            h("th", { scope: "col" }, "Window ends"))),
          body)));
  }

  async function load() {
    const answer = await ask("models");
    const alive = new Set(answer.models.map(key));
    for (const [id, one] of known) if (!alive.has(id)) { one.row?.remove(); known.delete(id); }
    take(answer.models);
    if (!known.size) draw();
  }

  return {
    start: async () => { await load(); return box; },
    news: (rows) => {
      const first = known.size === 0;
      for (const tree of rows) { const id = key(tree); known.set(id, { tree, row: known.get(id)?.row ?? null }); pending.add(id); }
      if (first && known.size) draw();
      soon();
    },
    again: load,
    leave: () => cancelAnimationFrame(frame),
  };
}
