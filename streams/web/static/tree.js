// Any evidence as nested lists: names in words, numbers as numbers, whatever the record holds.

import { h, table } from "./dom.js";
import { number, pValue, time, words } from "./format.js";

const MAX_DEPTH = 6;
const MAX_ITEMS = 40;
const MAX_COLUMNS = 8;

/** An item of a list as a row: its texts and numbers, those of a list of one thing among them; null for any other. */
function flat(item) {
  if (item === null || typeof item !== "object" || Array.isArray(item)) return null;
  const entries = Object.entries(item).flatMap(([name, value]) =>
    (Array.isArray(value) && value.length === 1 && value[0] && typeof value[0] === "object" ? Object.entries(value[0]) : [[name, value]]));
  return entries.every(([, value]) => value === null || typeof value !== "object") ? Object.fromEntries(entries) : null;
}

function asTable(rows, names) {
  const numeric = (name) => rows.every((row) => row[name] === undefined || typeof row[name] === "number");
  const kind = (name) => (numeric(name) ? "num" : null);
  const shown = rows.slice(0, MAX_ITEMS).map((row) => h("tr", {}, names.map((name) => h("td", { class: kind(name) }, tree(row[name], name)))));
  return [table(names.map(words).join(", "), names.map((name) => ({ text: words(name), class: kind(name) })), shown),
    rows.length > MAX_ITEMS ? h("p", { class: "note" }, `and ${rows.length - MAX_ITEMS} more`) : null];
}

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
    const rows = value.map(flat);
    const names = rows.every((one) => one !== null) ? [...new Set(rows.flatMap(Object.keys))] : [];
    if (names.length && names.length <= MAX_COLUMNS) return asTable(rows, names);
    return h("ol", { class: "tree" }, value.slice(0, MAX_ITEMS).map((one) => h("li", {}, tree(one, "", depth + 1))),
      value.length > MAX_ITEMS ? h("li", {}, `and ${value.length - MAX_ITEMS} more`) : null);
  }
  const entries = Object.entries(value);
  if (!entries.length) return "none";
  return h("dl", { class: "tree" }, entries.slice(0, MAX_ITEMS).map(([key, one]) => h("div", {}, h("dt", {}, words(key)), h("dd", {}, tree(one, key, depth + 1)))));
}
