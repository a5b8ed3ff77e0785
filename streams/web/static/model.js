// One version of a model: its head with the six dimensions, the time slider, and the view chosen.

import { KEPT_WINDOWS, ask } from "./api.js";
import { markAll, repaint } from "./charts.js";
import { h, put } from "./dom.js";
import { DIMENSIONS, REASONS, WORDS, number, seconds, time } from "./format.js";
import { address, amend, here } from "./route.js";
import { badge } from "./models.js";
import { decisionsTab, triggerTab } from "./decisions.js";
import { featureTab } from "./feature.js";
import { featuresTab } from "./features.js";
import { overviewTab } from "./overview.js";
import { performanceTab } from "./performance.js";

const TABS = [["overview", "Overview"], ["features", "Features"], ["performance", "Performance"], ["decisions", "Decisions"]];
const DRAWN = { overview: overviewTab, features: featuresTab, feature: featureTab, performance: performanceTab, decisions: decisionsTab, trigger: triggerTab };
const REFRESH_MS = 700;
const VERSIONS_NAMED = 12;

export function modelView(model, version) {
  const cards = h("ul", { class: "cards", "aria-label": "Six dimensions" });
  const tabs = h("nav", { class: "tabs", "aria-label": "Views of this model" });
  const place = h("section", { class: "tab", "aria-label": "View" });
  const facts = h("p", { class: "facts" });
  const select = h("select", { id: "window", "aria-label": "Length of window", change: () => { amend({ window: select.value, at: "" }); context.at = null; reload(); } });
  const slider = h("input", { type: "range", id: "time", min: 0, step: 1, "aria-label": "Window shown", input: () => slid() });
  const shownTime = h("output", { for: "time", id: "shown-time" });
  const live = h("button", { type: "button", id: "newest", class: "quiet", click: () => { slider.value = slider.max; slid(); } }, "Newest");
  const box = h("div", { class: "model" },
    h("div", { class: "head" }, h("h1", {}, h("span", { class: "name" }, model), " ", h("span", { class: "version" }, version)), facts),
    cards,
    h("div", { class: "controls" }, tabs, h("div", { class: "time" }, select, slider, shownTime, live)),
    place);
  const context = { model, version, window: "", at: null, data: null, overview: null, place, again: () => draw() };
  let timer = 0;
  let standing = 0;
  let drawn = 0;

  const question = (more = {}) => ({ model, version, ...more });

  async function load() {
    const { query } = here();
    context.at = stamp(query.get("at"));
    context.overview = await ask("model", question({ at: context.at }));
    const data = context.overview.series.filter((one) => !one.section);
    const measured = context.overview.series.filter((one) => one.section === "performance");
    const lengths = (data.length ? data : measured).map((one) => one.window);
    const wanted = query.get("window");
    context.window = lengths.includes(wanted) ? wanted : best(data, lengths);
    put(select, lengths.map((one) => h("option", { value: one, selected: one === context.window }, `${one} windows`)));
    context.data = data.length ? await ask("windows", question({ window: context.window, windows: KEPT_WINDOWS }))
      : { rows: [], cells: [], features: [], window: context.window };
    context.ends = context.data.rows.map((row) => seconds(row.end));
    head();
  }

  /** The longest window that has enough of them for a picture. */
  function best(data, lengths) {
    const many = data.filter((one) => one.windows >= 8);
    return (many.at(-1) ?? data.at(-1))?.window ?? lengths[0] ?? "";
  }

  /** The place of the window shown among the rows. */
  context.chosen = () => {
    const rows = context.data.rows;
    if (!context.at) return rows.length - 1;
    let found = -1;
    rows.forEach((row, i) => { if (row.end <= context.at) found = i; });
    return Math.max(found, 0);
  };

  function head() {
    const told = context.overview.standing;
    const others = context.overview.versions.filter((one) => one !== version);
    put(cards, DIMENSIONS.map(([key, name]) => h("li", { class: "card" }, h("span", { class: "label" }, name), badge(told.dimensions[key], name, true),
      told.dimensions[key].reason ? h("span", { class: "why" }, REASONS[told.dimensions[key].reason] ?? told.dimensions[key].reason) : null)));
    put(facts, `newest window to ${time(told.end)}: ${number(told.events)} events · ${told.features} features · `,
      told.open_alerts ? h("strong", {}, `${told.open_alerts} open ${told.open_alerts === 1 ? "alert" : "alerts"}`) : "no open alert",
      ` · ${told.triggers} ${told.triggers === 1 ? "trigger" : "triggers"}`,
      others.length ? [" · other versions: ", others.slice(-VERSIONS_NAMED).flatMap((one) => [h("a", { href: address(["model", model, one]) }, one), " "])] : null,
      others.length > VERSIONS_NAMED ? `and ${others.length - VERSIONS_NAMED} before` : null);
    const rows = context.data.rows;
    slider.max = Math.max(rows.length - 1, 0);
    slider.value = context.chosen();
    slider.disabled = rows.length < 2;
    tell();
    const { parts } = here();
    const at = { feature: "features", trigger: "decisions" }[parts[3]] ?? parts[3] ?? "overview";
    put(tabs, TABS.map(([key, name]) => h("a", { id: `tab-${key}`, href: address(["model", model, version, key], { window: context.window, at: context.at }), "aria-current": key === at ? "page" : null }, name)));
  }

  function tell() {
    const row = context.data.rows[Number(slider.value)];
    const early = context.at && row && context.at < row.end;
    const text = early ? `${time(context.at)} is not kept; the oldest is ${time(row.start)} to ${time(row.end)}` : row ? `${time(row.start)} to ${time(row.end)}, ${WORDS[row.level] ?? row.level}` : "no window yet";
    shownTime.textContent = text;
    slider.setAttribute("aria-valuetext", text);
    live.disabled = !context.at;
  }

  function slid() {
    const at = Number(slider.value);
    const row = context.data.rows[at];
    context.at = at === context.data.rows.length - 1 ? null : row?.end ?? null;
    amend({ at: context.at ?? "", window: context.window });
    tell();
    markAll(context.at ? seconds(context.at) : null);
    clearTimeout(standing);
    standing = setTimeout(async () => {
      context.overview = await ask("model", question({ at: context.at }));
      head();
      await draw();
    }, 120);
  }
  context.choose = (i) => { slider.value = i; slid(); };

  async function draw() {
    const { parts, query } = here();
    const mine = ++drawn;
    const tab = Object.hasOwn(DRAWN, parts[3] ?? "") ? DRAWN[parts[3]] : overviewTab;
    const made = await tab(context, parts[4] ?? "", query);
    if (mine !== drawn) return;
    put(place, made);
    context.painted?.();
    place.dataset.view = parts[3] ?? "overview";
  }

  async function reload() {
    await load();
    await draw();
  }

  return {
    start: async () => { await load(); await draw(); requestAnimationFrame(() => context.painted?.()); return box; },
    go: async () => { context.painted = null; await load(); await draw(); document.getElementById("main").focus({ preventScroll: true }); },
    news: (rows) => {
      if (!rows.some((row) => row.model === model && row.version === version)) return;
      clearTimeout(timer);
      timer = setTimeout(reload, REFRESH_MS);
    },
    again: reload,
    repaint: () => { repaint(); context.painted?.(); },
    leave: () => { clearTimeout(timer); clearTimeout(standing); },
  };
}

/** A time of an address as the interface tells times, so that both can be compared; what is none stays. */
function stamp(text) {
  const at = new Date(text ?? "");
  return Number.isNaN(at.getTime()) ? text || null : at.toISOString().replace(".000Z", "Z");
}
