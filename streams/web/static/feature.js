// One feature: how it moved over time, and where its values went in the window shown.

import { KEPT_WINDOWS, ask } from "./api.js";
import { chart, values } from "./charts.js";
import { empty, h, svg, table } from "./dom.js";
import { MARKS, WORDS, number, pValue, percent, seconds, time, words } from "./format.js";
import { address } from "./route.js";

const WIDTH = 720;
const HEIGHT = 220;
const BELOW = 44;

export async function featureTab(context, name) {
  const { model, version, window, at } = context;
  const found = await ask("feature", { model, version, window, feature: name, at, windows: KEPT_WINDOWS });
  const verdict = found.shown.verdict;
  const ends = found.trend.map((point) => seconds(point.end));
  const level = verdict.level;
  const kind = { DRIFT: "bad", WATCH: "watch", STABLE: "well" }[level] ?? "none";
  return h("div", {},
    h("p", { class: "back" }, h("a", { href: address(["model", model, version, "features"], { window, at }) }, "All features")),
    h("h2", {}, h("span", { class: "name" }, name), " ", h("span", { class: `badge ${kind}` }, h("span", { class: "mark", "aria-hidden": "true" }, MARKS[level]), ` ${WORDS[level] ?? level}`),
      found.shown.held_back ? h("span", { class: "tag" }, "held back: bad data") : null),
    h("p", { class: "note" }, sentence(found.shown, verdict)),
    h("div", { class: "grid two" },
      h("figure", { class: "chart" }, h("figcaption", {}, h("span", { class: "title" }, "Reference against current"), h("span", { class: "note" }, `${time(found.shown.start)} to ${time(found.shown.end)}`)),
        verdict.bins?.length ? [histogram(inOrder(verdict.bins)), binTable(verdict.bins)] : empty("No bins in this window.", "Bins are told of features in WATCH or DRIFT: move the time slider to a window where this feature is one.")),
      h("div", {},
        chart({ title: "PSI over time", rows: found.trend, ends, at: at ? seconds(at) : null, zero: true, lines: [
          { label: "PSI", color: "--series-1", values: values(found.trend, (point) => (point.psi === null ? null : Math.max(0, point.psi))) },
          { label: "drift over", color: "--bad", dash: true, width: 1, values: values(found.trend, (point) => point.threshold) }] }),
        statistics(verdict, found.shown))));
}

/** In words: what was measured, against what, and how sure it is. */
function sentence(shown, verdict) {
  if (verdict.psi === undefined) return "Nothing was measured of this feature in this window.";
  const over = verdict.psi_corrected > verdict.psi_threshold;
  return `PSI ${number(Math.max(0, verdict.psi_corrected))} (without its bias of ${number(verdict.psi_bias)}) is ${over ? "over" : "not over"} the bound of ${number(verdict.psi_threshold)} for ${number(verdict.events)} values; p ${pValue(verdict.psi_p_value)} against ${number(shown.conventions.significance_of_features ?? shown.conventions.significance)} asked for. Both are needed for drift.`;
}

/** Columns of the reference beside those of now, and below how much of PSI each bin is. */
function histogram(bins) {
  const top = Math.max(...bins.flatMap((bin) => [bin.expected, bin.actual]), 1e-9);
  const most = Math.max(...bins.map((bin) => bin.contribution ?? 0), 1e-9);
  const step = WIDTH / bins.length;
  const bar = Math.min(26, step * 0.36);
  const tall = (share) => (share / top) * (HEIGHT - 10);
  const every = Math.ceil(bins.length / 11);
  const label = bins.map((bin) => `${bin.bin}: reference ${percent(bin.expected)}, current ${percent(bin.actual)}`).join("; ");
  return h("div", {}, h("ul", { class: "legend" },
    h("li", {}, h("span", { class: "swatch reference", "aria-hidden": "true" }), " reference"),
    h("li", {}, h("span", { class: "swatch current", "aria-hidden": "true" }), " current"),
    h("li", {}, h("span", { class: "swatch share", "aria-hidden": "true" }), " contribution to PSI")),
  svg("svg", { class: "histogram", viewBox: `0 0 ${WIDTH} ${HEIGHT + BELOW + 20}`, role: "img", "aria-label": `Histogram. ${label}` },
    svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
    bins.map((bin, i) => {
      const x = i * step + step / 2;
      const share = ((bin.contribution ?? 0) / most) * (BELOW - 8);
      return svg("g", {}, svg("title", {}, `${bin.bin}: reference ${percent(bin.expected)}, current ${percent(bin.actual)}, contribution ${number(bin.contribution)}`),
        svg("rect", { class: "reference", x: x - bar, y: HEIGHT - tall(bin.expected), width: bar, height: tall(bin.expected) }),
        svg("rect", { class: "current", x, y: HEIGHT - tall(bin.actual), width: bar, height: tall(bin.actual) }),
        svg("rect", { class: "share", x: x - bar, y: HEIGHT + 4, width: bar * 2, height: Math.max(0, share) }),
        i % every === 0 ? svg("text", { x, y: HEIGHT + BELOW + 14 }, short(bin.bin)) : null);
    })));
}

const INTERVAL = /^[[(]([^,]*),([^\])]*)[\])]$/;

/** Where a bin begins; null for a category or a value of its own. */
function beginOf(bin) {
  const found = INTERVAL.exec(bin.bin);
  const begin = found ? Number(found[1].replace("inf", "Infinity")) : Number(bin.bin);
  return Number.isNaN(begin) ? null : begin;
}

/** Numeric bins by value, categories by their share of the reference. */
function inOrder(bins) {
  const begins = new Map(bins.map((bin) => [bin, beginOf(bin)]));
  const numeric = [...begins.values()].filter((one) => one !== null).length >= bins.length / 2 && bins.some((bin) => INTERVAL.test(bin.bin));
  const rank = (bin) => begins.get(bin) ?? Infinity;
  return [...bins].sort((a, b) => (numeric ? rank(a) - rank(b) || 0 : b.expected - a.expected));
}

/** A bin's name where there is little room: an interval by its bounds, to three digits. */
function short(name) {
  const found = INTERVAL.exec(name);
  if (found) {
    const [low, high] = found.slice(1).map((one) => (one.endsWith("inf") ? one : number(Number(one))));
    if (high === "inf") return `≥ ${low}`;
    return low === "-inf" ? `< ${high}` : `${low}–${high}`;
  }
  const text = String(name);
  return text.length > 10 ? `${text.slice(0, 9)}…` : text;
}

function meter(value, most) {
  const bar = h("span", { class: "meter", "aria-hidden": "true" });
  bar.style.setProperty("--share", `${Math.round((Math.max(0, value) / most) * 100)}%`);
  return bar;
}

function binTable(bins) {
  const parts = bins.map((bin) => Math.max(0, bin.contribution ?? 0));
  const most = Math.max(...parts, 1e-9);
  const whole = parts.reduce((sum, part) => sum + part, 0);
  const ordered = [...bins].sort((a, b) => (b.contribution ?? 0) - (a.contribution ?? 0));
  return h("details", { class: "numbers" }, h("summary", {}, "Bins by contribution"),
    table("Bins by contribution", ["Bin", { text: "Reference", class: "num" }, { text: "Current", class: "num" }, { text: "Contribution", class: "num" }, "Share of PSI"],
      ordered.map((bin) => h("tr", {}, h("th", { scope: "row" }, bin.bin), h("td", { class: "num" }, percent(bin.expected)), h("td", { class: "num" }, percent(bin.actual)),
        h("td", { class: "num" }, number(bin.contribution)), h("td", { class: "share" }, meter(bin.contribution ?? 0, most), whole ? percent(Math.max(0, bin.contribution ?? 0) / whole) : "–")))));
}

const LEFT_OUT = new Set(["level", "bins", "quality_fault", "quality_fault_earlier"]);

function statistics(verdict, shown) {
  const rows = Object.entries(verdict).filter(([name, value]) => !LEFT_OUT.has(name) && typeof value === "number");
  const alarms = Object.entries(verdict).filter(([, value]) => value && typeof value === "object" && "alarms" in value);
  const faults = Object.entries(shown.fault ?? {});
  return h("div", {}, faults.length ? table("Faults", ["Fault", { text: "Observed", class: "num" }, { text: "Expected", class: "num" }, { text: "Bound", class: "num" }],
    faults.map(([kind, one]) => h("tr", {}, h("th", { scope: "row" }, words(kind)), ["observed", "expected", "threshold"].map((key) => h("td", { class: "num" }, number(one[key])))))) : null,
  h("details", { class: "numbers", open: true }, h("summary", {}, "All that was measured"),
    h("dl", { class: "pairs" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, words(name)), h("dd", {}, name.endsWith("p_value") ? pValue(value) : number(value)))),
      alarms.map(([name, one]) => h("div", {}, h("dt", {}, `${name} alarms`), h("dd", {}, String(one.alarms)))))));
}
