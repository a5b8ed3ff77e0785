// Any evidence as nested lists: names in words, numbers as numbers, whatever the record holds.

import { h } from "./dom.js";
import { number, pValue, time, words } from "./format.js";

const MAX_DEPTH = 6;
const MAX_ITEMS = 40;

/** One value of a record. */
export function tree(value, name = "", depth = 0) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return name.endsWith("p_value") ? pValue(value) : number(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return /^\d{4}-\d\d-\d\dT/.test(value) ? time(value) : value;
  if (depth >= MAX_DEPTH) return "…";
  if (Array.isArray(value)) {
    if (!value.length) return "none";
    if (value.every((one) => typeof one !== "object")) return value.slice(0, MAX_ITEMS).map((one) => tree(one)).join(", ");
    return h("ol", { class: "tree" }, value.slice(0, MAX_ITEMS).map((one) => h("li", {}, tree(one, "", depth + 1))),
      value.length > MAX_ITEMS ? h("li", {}, `and ${value.length - MAX_ITEMS} more`) : null);
  }
  const entries = Object.entries(value);
  if (!entries.length) return "none";
  return h("dl", { class: "tree" }, entries.slice(0, MAX_ITEMS).map(([key, one]) => h("div", {}, h("dt", {}, words(key)), h("dd", {}, tree(one, key, depth + 1)))));
}
