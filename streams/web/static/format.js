// Numbers, times and levels as people read them.

export const LEVELS = { U: "UNKNOWN", S: "STABLE", W: "WATCH", D: "DRIFT" };
export const MARKS = { UNKNOWN: "?", STABLE: "✓", WATCH: "!", DRIFT: "▲" };
export const WORDS = { UNKNOWN: "unknown", STABLE: "stable", WATCH: "watch", DRIFT: "drift" };
/** Why a level is not known. */
export const REASONS = {
  few_labels: "too few labels", early_labels: "labels are not all in yet", selected: "labels of some decisions only",
  absent: "nothing to compare with", imprecise: "too uncertain to tell",
};
export const DIMENSIONS = [
  ["performance", "Performance"], ["data", "Data drift"], ["prediction", "Prediction drift"],
  ["quality", "Data quality"], ["operations", "Operations"], ["business", "Business"],
];

/** Four significant digits, thousands with a comma; a dash for nothing. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 1000) return Math.round(value).toLocaleString("en-GB");
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** A share as per cent. */
export function percent(value) {
  if (value === null || value === undefined) return "–";
  return `${(value * 100).toFixed(Math.abs(value) < 0.0995 ? 1 : 0)} %`;
}

/** A p-value; one at the floor is a bound. */
export function pValue(value) {
  if (value === null || value === undefined) return "–";
  return value <= 1e-6 ? "≤ 1e-6" : number(value);
}

/** An RFC 3339 time in UTC, without what is zero. */
export function time(text) {
  if (!text) return "–";
  const [day, rest] = String(text).replace("Z", "").split("T");
  const clock = (rest ?? "").split(".")[0].replace(/:00$/, "");
  return clock === "00:00" || clock === "" ? day : `${day} ${clock}`;
}

/** Seconds since the epoch of an RFC 3339 time. */
export function seconds(text) {
  return Date.parse(text) / 1000;
}

/** A name of the interface in words. */
export function words(name) {
  return String(name).replaceAll("_", " ");
}

/** The beginning of a hash, to tell one from another. */
export function shortId(text) {
  return String(text).replace("sha256:", "").slice(0, 12);
}
