// Performance: what labels say, the training table's baseline, limits, and the estimate before labels.

import { KEPT_WINDOWS, ask } from "./api.js";
import { chart, values } from "./charts.js";
import { empty, h, table } from "./dom.js";
import { MARKS, REASONS, WORDS, number, seconds, time, words } from "./format.js";
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
    const answer = await ask("windows", { model, version, section: one.section, maturity: one.maturity, window: one.window, windows: KEPT_WINDOWS });
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

/** What a reason that hides a level comes from, and what would end it. */
const WHY = {
  few_labels: "Too few labels: the window has fewer than the spec's min_labels.",
  early_labels: "Labels are not all in yet: those that come first are not like the others.",
  selected: "Labels of some decisions only: the training table has those of all.",
  absent: "Nothing to compare with: the measure, its baseline or its limit does not exist here.",
  imprecise: "Too uncertain to tell: the interval is so long that a measure worse by more than is allowed could be missed. Where the training table's own blocks of this length differ much, more labels do not end it; longer windows or a longer training table may.",
};

function newest(row, names) {
  const judged = (name) => (Object.hasOwn(row.verdicts, name) ? row.verdicts[name] : {});
  const reasons = [...new Set(names.map((name) => judged(name).reason).filter(Boolean))];
  return h("details", { class: "numbers", open: true }, h("summary", {}, `Window to ${time(row.end)}: ${number(row.labelled)} labelled`),
    table("Measures of the window", ["Measure", "Level", ...["Value", "95 % interval", "Baseline", "Worse by", "Allowed"].map((text) => ({ text, class: "num" }))],
      names.map((name) => {
        const level = row.levels[name];
        const kind = { DRIFT: "bad", WATCH: "watch", STABLE: "well" }[level] ?? "none";
        const { worse, worse_by: allowed, reason } = judged(name);
        return h("tr", {}, h("th", { scope: "row" }, words(name)),
          h("td", { class: "when" }, level ? h("span", { class: `badge ${kind}` }, h("span", { class: "mark", "aria-hidden": "true" }, MARKS[level]), ` ${WORDS[level]}`) : "–",
            reason ? h("span", { class: "tag" }, REASONS[reason] ?? words(reason)) : null,
            row.alarms.includes(name) ? h("span", { class: "tag" }, "control chart") : null),
          h("td", { class: "num" }, number(row.measures[name])),
          h("td", { class: "num" }, row.intervals[name] ? span(row.intervals[name]) : "–"),
          h("td", { class: "num" }, number(row.baseline?.[name])),
          h("td", { class: "num" }, worse ? `${number(worse.value)} (${span([worse.low, worse.high])})` : "–"),
          h("td", { class: "num" }, number(allowed)));
      })),
    reasons.map((reason) => h("p", { class: "note", id: `why-${reason}` }, WHY[reason] ?? words(reason))));
}

function span([low, high]) {
  return `${number(low)} to ${number(high)}`;
}
