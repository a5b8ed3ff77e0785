// Episodes and their alerts, triggers and what became of them, and how one decision came about.

import { ask } from "./api.js";
import { each, empty, h, table } from "./dom.js";
import { number, pValue, percent, shortId, time, words } from "./format.js";
import { address } from "./route.js";
import { tree } from "./tree.js";

const KIND = { CRITICAL: "bad", WARNING: "watch", INFO: "none" };

function severity(word) {
  return h("span", { class: `badge ${KIND[word] ?? "none"}` }, String(word).toLowerCase());
}

export async function decisionsTab(context) {
  const { model, version, at } = context;
  const found = await ask("decisions", { model, version, at });
  const episodes = found.episodes.map(({ alerts }) => alerts).sort((a, b) => (closed(a) - closed(b)) || (a.at(-1).end < b.at(-1).end ? 1 : -1));
  return h("div", { class: "grid two" },
    h("section", {}, h("h2", {}, `Triggers (${found.triggers.length})`), triggers(context, found.triggers),
      found.audit.length ? [h("h2", {}, "What others answered"), audit(found.audit)] : null,
      await judgement(context)),
    h("section", {}, h("h2", {}, `Episodes (${episodes.filter((one) => !closed(one)).length} open of ${episodes.length})`),
      episodes.length ? each(episodes, episode) : empty("No alert was sent.", "An episode begins when a rule of the spec is confirmed; docs/alerts.md says by what.")));
}

function closed(alerts) {
  return Number(alerts.at(-1).state === "resolved");
}

function episode(alerts) {
  const [first, last] = [alerts[0], alerts.at(-1)];
  const open = !closed(alerts);
  return h("details", { class: "episode" }, h("summary", {},
    severity(last.severity), h("span", { class: "strong" }, ` ${words(last.rule)}`), last.cause !== last.rule ? ` · ${words(last.cause)}` : "",
    h("span", { class: "note" }, ` ${open ? "open" : "resolved"}, since ${time(first.since)}${open ? "" : ` until ${time(last.end)}`}, ${last.window}`)),
  alerts.map((alert) => h("section", { class: "alert" }, h("h3", {}, `${words(alert.state)} at ${time(alert.end)}`, alert.events === undefined ? "" : ` · ${number(alert.events)} events`),
    tree(alert.evidence ?? {}), alert.reason ? h("p", {}, alert.reason) : null)));
}

function triggers(context, told) {
  if (!told.length) return empty("Nothing has asked for retraining.", "A trigger comes when a rule under retraining: holds for as many windows as it says; longshore replay shows when it would have.");
  const { model, version, window, at } = context;
  return table("Triggers", ["Window ends", "Rule", "Drift", "Recommended", "Answer", "Why"], each([...told].reverse(), ({ trigger, result }) => h("tr", {},
    h("th", { scope: "row", class: "when" }, time(trigger.window?.end)), h("td", { class: "when" }, words(trigger.rule)), h("td", {}, words(trigger.drift_type ?? "–")),
    h("td", {}, words(trigger.recommended ?? trigger.kind)), h("td", {}, result ? words(result.status) : h("span", { class: "when" }, "none yet")),
    h("td", { class: "when" }, h("a", { id: `t-${shortId(trigger.trigger_id)}`, href: address(["model", model, version, "trigger", trigger.trigger_id], { window, at }) },
      "How it came about", h("span", { class: "hidden" }, `, ${words(trigger.rule)} at ${time(trigger.window?.end)}`)))), 6));
}

function audit(records) {
  return table("Audit", ["When", "What", "Of", "Says"], each([...records].reverse().slice(0, 40), (one) => h("tr", {},
    h("th", { scope: "row" }, time(one.at ?? one.effective_from)), h("td", {}, words(one.kind)),
    h("td", {}, one.trigger_id ? h("code", {}, shortId(one.trigger_id)) : one.version ?? ""),
    h("td", {}, [one.status ?? one.change, one.taken === false ? `refused: ${one.refused}` : "", one.reason ?? ""].filter(Boolean).map(words).join(" · "))), 4));
}

async function judgement(context) {
  const { model, version, window, data } = context;
  const row = data.rows[context.chosen()];
  if (!row) return null;
  const place = h("div", {});
  return h("details", { class: "numbers", toggle: async (event) => {
    if (!event.target.open || place.firstChild) return;
    place.append(tree(await ask("judgement", { model, version, window, at: row.end })));
  } }, h("summary", {}, `The judgement of the window to ${time(row.end)}, as published`), place);
}

export async function triggerTab(context, id) {
  const { model, version, window, at } = context;
  const found = await ask("decisions", { model, version });
  const back = h("p", { class: "back" }, h("a", { href: address(["model", model, version, "decisions"], { window, at }) }, "All decisions"));
  const one = found.triggers.find(({ trigger }) => trigger.trigger_id === id);
  if (!one) return h("div", {}, back, empty("This trigger is not kept.", "It is older than what this worker remembers; the topic of triggers may have it still."));
  const { trigger, result } = one;
  return h("div", {}, back,
    h("h2", {}, `Why ${words(trigger.recommended ?? trigger.kind)}? `, h("span", { class: "note" }, `${words(trigger.rule)}, window to ${time(trigger.window.end)}`)),
    h("p", { class: "facts" }, `${number(trigger.window.events)} events in ${trigger.window.name ?? "the window"}, ${time(trigger.window.start)} to ${time(trigger.window.end)} · cause ${words(trigger.cause)} · drift ${words(trigger.drift_type ?? "not told apart")}`,
      trigger.cooldown_until ? ` · not again before ${time(trigger.cooldown_until)}` : "", " · answer: ", result ? words(result.status) : "none yet"),
    h("div", { class: "grid two" },
      h("section", {}, h("h3", {}, "Questions asked, in their order"), path(trigger.path ?? []),
        h("h3", {}, "The rule"), numbers(trigger)),
      h("section", {}, h("h3", {}, "Evidence"), evidence(context, trigger))),
    h("details", { class: "numbers" }, h("summary", {}, "The trigger, as published"), tree(trigger)));
}

function path(steps) {
  if (!steps.length) return h("p", { class: "dim" }, "This rule asks no questions.");
  return h("ol", { class: "path" }, steps.map((step) => {
    const told = Object.entries(step.numbers ?? {});
    return h("li", {}, h("span", { class: "question" }, step.question), h("span", { class: `answer a-${String(step.answer).replace(/[^a-z]/g, "")}` }, String(step.answer)),
      told.length ? h("span", { class: "note" }, told.map(([name, value]) => `${words(name)} ${typeof value === "number" ? number(value) : typeof value === "object" ? JSON.stringify(value) : value}`).join(", ")) : null);
  }));
}

/** What was observed -> the name under which the rule asks for it. */
const ASKED_AS = { features_over: "features", windows_over: "at_least" };

function numbers(trigger) {
  const names = [...new Set([...Object.keys(trigger.observed ?? {}), ...Object.keys(trigger.threshold ?? {})])]
    .filter((name) => !Object.values(ASKED_AS).includes(name));
  const shown = (value) => (value === undefined ? "–" : tree(value));
  const asked = (name) => trigger.threshold?.[ASKED_AS[name]] ?? trigger.threshold?.[name];
  return table("The rule's numbers", ["Number", { text: "Observed", class: "num" }, { text: "Asked for", class: "num" }],
    names.map((name) => h("tr", {}, h("th", { scope: "row" }, words(name)), h("td", { class: "num" }, shown(trigger.observed?.[name])), h("td", { class: "num" }, shown(asked(name))))));
}

function evidence(context, trigger) {
  const { model, version } = context;
  const told = trigger.evidence ?? [];
  if (!told.length) return h("p", { class: "dim" }, "The trigger names none.");
  if (!told.every((one) => "feature" in one)) return tree(told);
  return h("div", { class: "stack" }, told.map((one) => h("article", { class: "evidence" },
    h("h4", {}, h("a", { href: address(["model", model, version, "feature", one.feature], { window: trigger.window.name, at: trigger.window.end }) }, one.feature)),
    h("p", { class: "note" }, `PSI ${number(one.psi_corrected ?? one.psi)} over ${number(one.psi_threshold)}, p ${pValue(one.p_value)}`,
      one.score_effect === undefined ? "" : `, effect on the score ${number(one.score_effect)}`),
    one.top_bins ? table(`Bins of ${one.feature}`, ["Bin", { text: "Reference", class: "num" }, { text: "Current", class: "num" }, { text: "Contribution", class: "num" }],
      one.top_bins.map((bin) => h("tr", {}, h("th", { scope: "row" }, bin.bin), h("td", { class: "num" }, percent(bin.expected)), h("td", { class: "num" }, percent(bin.actual)), h("td", { class: "num" }, number(bin.contribution))))) : null)));
}
