// The six dimensions of one version over time, each with the numbers that say most.

import { KEPT_WINDOWS, ask } from "./api.js";
import { chart, values } from "./charts.js";
import { empty, h } from "./dom.js";
import { number, percent, seconds, words } from "./format.js";
import { address } from "./route.js";

/** A measure that has a baseline, the one that people ask for first. */
export const FIRST_MEASURES = ["auc", "accuracy", "f1", "mae", "rmse"];

function none(title, what, todo) {
  return h("figure", { class: "chart" }, h("figcaption", {}, h("span", { class: "title" }, title)), empty(what, todo));
}

export async function overviewTab(context) {
  const { model, version, window, data, ends } = context;
  const rows = data.rows;
  const at = context.at ? seconds(context.at) : null;
  const base = { rows, ends, at };
  const measured = context.overview.series.filter((one) => one.section === "performance");
  const performed = measured.find((one) => one.window === window) ?? measured.at(-1);
  const labels = performed ? await ask("windows", { model, version, section: "performance", window: performed.window, windows: KEPT_WINDOWS }) : null;
  const panels = [
    performance(labels, base, rows),
    drift(data, base),
    prediction(base),
    quality(base),
    operations(base),
    business(base),
  ];
  if (!rows.length) return h("div", {}, empty("No window of the data is kept.", "It shows when the next window closes."), performance(labels, base, rows));
  return h("div", {},
    h("div", { class: "grid" }, panels),
    h("p", { class: "note" }, "How the window shown came about, as it was published: ",
      h("a", { href: address(["model", model, version, "decisions"], { window, at: context.at }) }, "decisions and evidence"), "."));
}

function performance(labels, base, rows) {
  const title = "Performance";
  const measure = labels && FIRST_MEASURES.find((name) => labels.rows.some((row) => name in row.measures));
  if (!measure) {
    const estimated = FIRST_MEASURES.find((name) => rows.some((row) => name in (row.estimated ?? {})));
    if (!estimated) return none(title, "No labels yet.", "Publish labels for the events; where the training table has labels, an estimate is shown before they come.");
    return chart({ ...base, title: `${title}: estimated ${words(estimated)}`, note: "no labels yet", lines: [
      { label: "estimate", color: "--series-2", dash: true, values: values(rows, (row) => row.estimated[estimated]) }] });
  }
  const times = labels.rows.map((row) => seconds(row.end));
  const estimate = new Map(rows.map((row) => [row.end, row.estimated?.[measure]]));
  return chart({ ...base, rows: labels.rows, ends: times, title: `${title}: ${words(measure)}`, note: `${labels.window} windows, when labels are in`, lines: [
    { label: words(measure), color: "--series-1", values: values(labels.rows, (row) => row.measures[measure]) },
    { label: "baseline", color: "--dim", dash: true, width: 1, values: values(labels.rows, (row) => row.baseline?.[measure]) },
    { label: "estimate", color: "--series-2", dash: true, width: 1.2, values: values(labels.rows, (row) => estimate.get(row.end)) }] });
}

function drift(data, base) {
  const many = (letter) => data.cells.map((cell) => [...cell.levels].filter((one) => one === letter).length);
  const drifted = many("D");
  const watched = many("W").map((n, i) => n + drifted[i]);
  return chart({ ...base, title: "Data drift: features that moved", zero: true, lines: [
    { label: "drift or watch", color: "--watch-fill", bars: true, values: watched },
    { label: "drift", color: "--bad-fill", bars: true, values: drifted }] });
}

function prediction(base) {
  const rows = base.rows;
  if (!rows.some((row) => row.prediction?.psi_corrected !== undefined)) return none("Prediction drift", "No scores are judged.", "Publish score with the predictions, and profile the model with its scores.");
  return chart({ ...base, title: "Prediction drift: PSI of the score", zero: true, lines: [
    { label: "PSI", color: "--series-1", values: values(rows, (row) => (row.prediction.psi_corrected === undefined ? null : Math.max(0, row.prediction.psi_corrected))) },
    { label: "drift over", color: "--bad", dash: true, width: 1, values: values(rows, (row) => row.prediction.psi_threshold) }] });
}

function quality(base) {
  const rows = base.rows;
  return chart({ ...base, title: "Data quality: faults found", zero: true, note: newestFaults(rows), lines: [
    { label: "features with bad values", color: "--bad-fill", bars: true, values: rows.map((row) => Object.keys(row.faults).length) },
    { label: "held back from drift", color: "--series-2", values: rows.map((row) => row.held_back.length) }] });
}

function newestFaults(rows) {
  const row = rows.at(-1);
  const names = Object.entries(row?.faults ?? {}).slice(0, 3).map(([name, kinds]) => `${name}: ${kinds.map(words).join(", ")}`);
  return names.join("; ");
}

function operations(base) {
  const rows = base.rows;
  const slow = rows.some((row) => row.operations?.latency_ms);
  const lines = [
    { label: "events", color: "--series-1", values: values(rows, (row) => row.events) },
    { label: "expected", color: "--dim", dash: true, width: 1, values: values(rows, (row) => row.operations?.events_expected) }];
  const last = rows.at(-1)?.operations ?? {};
  const note = [`errors ${percent(last.error_rate)}`, slow ? `p95 ${number(last.latency_ms?.["0.95"])} ms` : ""].filter(Boolean).join(" · ");
  return chart({ ...base, title: "Operations: events a window", zero: true, note, lines });
}

function business(base) {
  const rows = base.rows;
  const names = [...new Set(rows.flatMap((row) => Object.entries(row.business ?? {}).filter(([, value]) => typeof value === "number").map(([name]) => name)))].slice(0, 3);
  if (!names.length) return none("Business", "No business figures.", "Add business: to the spec: approval rates, mean values, limits.");
  const shares = names.every((name) => /rate|ratio|share/.test(name));
  return chart({ ...base, title: "Business", format: shares ? percent : number, lines: names.map((name, i) => ({
    label: words(name), color: `--series-${i + 1}`, values: values(rows, (row) => row.business[name]) })) });
}
