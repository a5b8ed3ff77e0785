// Performance: what labels say, the training table's baseline, limits, and the estimate before labels.

import { ask } from "./api.js";
import { chart, values } from "./charts.js";
import { empty, h, table } from "./dom.js";
import { MARKS, WORDS, number, seconds, time, words } from "./format.js";
import { FIRST_MEASURES } from "./overview.js";

const MEASURES = [...FIRST_MEASURES, "precision", "recall", "pr_auc", "specificity", "log_loss", "brier", "calibration_error", "bias", "r2"];

export async function performanceTab(context) {
  const { model, version, window, data } = context;
  const measured = context.overview.series.filter((one) => one.section === "performance" || one.section === "cohorts");
  const estimated = data.rows.filter((row) => Object.keys(row.estimated ?? {}).length);
  if (!measured.length && !estimated.length) {
    return empty("No labels yet.", "Publish labels to the topic of labels, with the event_id of the prediction; performance shows when their window closes.",
      "Where the training table has labels, an estimate is shown before they come.");
  }
  const series = measured.filter((one) => one.window === window);
  const shown = series.length ? series : measured.filter((one) => one.window === measured.at(-1)?.window);
  const parts = [];
  if (!shown.length) parts.push(await section(context, null, estimated));
  for (const one of shown) {
    const answer = await ask("windows", { model, version, section: one.section, maturity: one.maturity, window: one.window });
    parts.push(await section(context, answer, estimated));
  }
  return h("div", {}, parts);
}

async function section(context, answer, estimated) {
  const rows = answer ? answer.rows : estimated;
  const ends = rows.map((row) => seconds(row.end));
  const of = (row) => (answer ? row.measures : row.estimated);
  const names = MEASURES.filter((name) => rows.some((row) => typeof of(row)?.[name] === "number"));
  const estimates = new Map(estimated.map((row) => [row.end, row.estimated]));
  const title = !answer ? "Estimated, before labels come" : answer.section === "performance" ? `As labels arrive, ${answer.window} windows`
    : `Of each window's own predictions after ${answer.maturity}, ${answer.window} windows`;
  const at = context.at ? seconds(context.at) : null;
  const figures = names.slice(0, 6).map((name) => chart({ title: words(name), rows, ends, at, lines: [
    { label: words(name), color: answer ? "--series-1" : "--series-2", dash: !answer, values: values(rows, (row) => of(row)[name]) },
    ...(answer ? [
      { label: "baseline", color: "--dim", dash: true, width: 1, values: values(rows, (row) => row.baseline?.[name]) },
      { label: "control limit", color: "--bad", dash: true, width: 1, values: values(rows, (row) => row.limits?.[name]) },
      { label: "estimate", color: "--series-2", dash: true, width: 1.2, values: values(rows, (row) => estimates.get(row.end)?.[name]) }] : [])] }));
  const last = [...rows].reverse().find((row) => !context.at || row.end <= context.at) ?? rows.at(-1);
  return h("section", {}, h("h2", {}, title), h("div", { class: "grid" }, figures), last && answer ? newest(last, names) : null);
}

function newest(row, names) {
  return h("details", { class: "numbers", open: true }, h("summary", {}, `Window to ${time(row.end)}: ${number(row.labelled)} labelled`),
    table("Measures of the window", ["Measure", { text: "Value", class: "num" }, { text: "Interval", class: "num" }, { text: "Baseline", class: "num" }, "Level"],
      names.map((name) => {
        const level = row.levels[name];
        const kind = { DRIFT: "bad", WATCH: "watch", STABLE: "well" }[level] ?? "none";
        return h("tr", {}, h("th", { scope: "row" }, words(name)), h("td", { class: "num" }, number(row.measures[name])),
          h("td", { class: "num" }, row.intervals[name] ? `${number(row.intervals[name][0])} to ${number(row.intervals[name][1])}` : "–"),
          h("td", { class: "num" }, number(row.baseline?.[name])),
          h("td", {}, level ? h("span", { class: `badge ${kind}` }, h("span", { class: "mark", "aria-hidden": "true" }, MARKS[level]), ` ${WORDS[level]}`) : "–",
            row.alarms.includes(name) ? h("span", { class: "tag" }, "control chart") : null));
      })));
}
