// Champions and challengers, and since when which version serves.

import { ask } from "./api.js";
import { each, empty, h, put, table } from "./dom.js";
import { time, words } from "./format.js";
import { address } from "./route.js";
import { tree } from "./tree.js";

const KIND = { PROMOTE: "well", HOLD: "watch", REJECT: "bad" };

export function compareView() {
  const box = h("div", {});
  async function load() {
    const found = await ask("comparisons");
    const terms = found.audit.filter((one) => one.change);
    if (box.querySelector("details[open]")) return; // somebody reads: it is drawn anew with the next news
    put(box, h("div", { class: "head" }, h("h1", {}, "Versions")),
      h("h2", {}, "Champion and challenger"), comparisons(found.promotions),
      h("h2", {}, "Terms"), terms.length ? termTable(terms) : empty("No version was registered while workers ran.", "longshore model apply SPEC --profile PROFILE registers one; it takes over at its effective_from."));
  }
  let timer = 0;
  const soon = () => { clearTimeout(timer); timer = setTimeout(load, 1000); };
  return { start: async () => { await load(); return box; }, news: soon, again: load, leave: () => clearTimeout(timer) };
}

function comparisons(told) {
  if (!told.length) return empty("Nothing is compared.", "Write comparison: {champion: VERSION} into the challenger's spec, and give workers both versions.");
  const pairs = new Map();
  for (const one of told) {
    const key = JSON.stringify([one.model, one.champion, one.challenger]);
    pairs.set(key, [...(pairs.get(key) ?? []), one]);
  }
  return each([...pairs.values()], (records) => {
    const last = records.at(-1);
    return h("details", { class: "episode" }, h("summary", {}, h("span", { class: `badge ${KIND[last.decision] ?? "none"}` }, String(last.decision).toLowerCase()),
      h("span", { class: "strong" }, ` ${last.model}`), ` ${last.challenger} against ${last.champion}`,
      h("span", { class: "note" }, ` ${[last.final ? "final" : "under way", `to ${time(last.until)}`, ...(last.reasons ?? []).map(words)].join(", ")}`)),
    records.toReversed().map((one) => h("section", { class: "alert" }, h("h3", {}, `${one.decision} at ${time(one.until)} (${words(one.kind)})`), tree(one))));
  });
}

function termTable(terms) {
  return table("Terms", ["Model", "Version", "What", "At", "From", "Until", "Reason"], each(terms.toReversed(), (one) => h("tr", {},
    h("th", { scope: "row" }, one.model), h("td", {}, h("a", { href: address(["model", one.model, one.version]) }, one.version)), h("td", {}, words(one.change)),
    h("td", {}, time(one.at)), h("td", {}, time(one.effective_from)), h("td", {}, time(one.until)), h("td", {}, one.reason ?? "–")), 7));
}
