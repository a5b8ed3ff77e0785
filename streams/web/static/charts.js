// Line and column charts over event time, with uPlot, and their numbers as a table for whoever
// cannot see them. Colours are those of the style sheet, so both themes are drawn alike.

import { h, table } from "./dom.js";
import { number, time } from "./format.js";

const drawn = new Set();

/** A colour or other property of the style sheet. */
export function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Draw all charts anew, in the colours of now. */
export function repaint() {
  for (const chart of drawn) chart.draw();
}

/** Charts that are on the page no more are let go. */
function sweep() {
  for (const chart of drawn) if (!chart.place.isConnected && chart.placed) chart.end();
}

const observer = new ResizeObserver((entries) => {
  for (const entry of entries) entry.target.chart?.resized();
});

/**
 * A chart of rows {end: RFC 3339, ...} and their ends in seconds. Lines: [{label, values, color: "--name",
 * dash, width, bars}]. `at` marks a time.
 */
export function chart({ title, rows, ends, lines, height = 150, at = null, format = number, note = "", zero = false, id }) {
  sweep();
  const place = h("div", { class: "plot", "aria-hidden": "true" });
  const known = lines.filter((line) => line.values.some((value) => value !== null));
  const told = known.map((line) => `${line.label} ${format(shown(line, ends, at))}`);
  const numbers = h("details", { class: "numbers", toggle: (event) => {
    if (!event.target.open || event.target.children.length > 1) return;
    event.target.append(table(`${title}, numbers`, ["Window ends", ...known.map((line) => ({ text: line.label, class: "num" }))],
      rows.map((row, i) => h("tr", {}, h("th", { scope: "row" }, time(row.end)), known.map((line) => h("td", { class: "num" }, format(line.values[i]))))).reverse()));
  } }, h("summary", {}, h("span", { class: "hidden" }, `${title}: `), "Numbers"));
  const legend = h("ul", { class: "legend" }, known.map((line) => h("li", {},
    swatch(line), ` ${line.label} `, h("b", {}, format(shown(line, ends, at))))));
  const figure = h("figure", { class: "chart" },
    h("figcaption", {}, h("span", { class: "title", id }, title), note ? h("span", { class: "note" }, note) : null),
    known.length ? [legend, place, h("p", { class: "hidden" }, `In the window shown: ${told.join(", ")}.`), numbers]
      : h("p", { class: "dim" }, "No window has these numbers."));
  if (!known.length) return figure;
  const made = new Chart(place, ends, known, height, at, format, zero);
  place.chart = made;
  drawn.add(made);
  observer.observe(place);
  return figure;
}

/** The value of the window shown, or the newest that there is. */
function shown(line, ends, at) {
  const upto = at === null ? line.values : line.values.filter((_, i) => ends[i] <= at);
  return upto.filter((value) => value !== null).at(-1);
}

function swatch(line) {
  const mark = h("span", { class: `swatch${line.dash ? " dashed" : ""}`, "aria-hidden": "true" });
  mark.style.setProperty("--swatch", `var(${line.color})`);
  return mark;
}

class Chart {
  constructor(place, ends, lines, height, at, format, zero) {
    Object.assign(this, { place, ends, lines, height, at, format, zero, plot: null, placed: false, width: 0 });
  }

  resized() {
    const width = this.place.clientWidth;
    if (!width) return;
    this.placed = true;
    if (this.plot && width !== this.width) this.plot.setSize({ width, height: this.height });
    this.width = width;
    if (!this.plot) this.draw();
  }

  /** Move the mark of the chosen time. */
  mark(at) {
    this.at = at;
    this.plot?.redraw(false);
    if (this.plot) this.read(this.plot);
  }

  end() {
    this.plot?.destroy();
    observer.unobserve(this.place);
    drawn.delete(this);
  }

  draw() {
    if (!this.width || typeof uPlot === "undefined") return;
    this.plot?.destroy();
    const axis = { stroke: style("--dim"), grid: { stroke: style("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const options = {
      width: this.width, height: this.height, legend: { show: false }, padding: [6, 6, 0, 0],
      cursor: { y: false, points: { size: 6 }, drag: { setScale: false, x: false, y: false } },
      tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC"),
      scales: { x: { time: true }, y: { range: (u, low, high) => this.range(low, high) } },
      axes: [{ ...axis, size: 36, space: 60 }, { ...axis, size: 50, space: 28, values: (u, ticks) => ticks.map((tick) => this.format(tick)) }],
      series: [{}, ...this.lines.map((line) => this.series(line))],
      hooks: { draw: [(u) => this.drawMark(u)], setCursor: [(u) => this.read(u)] },
    };
    this.plot = new uPlot(options, [this.ends, ...this.lines.map((line) => line.values)], this.place);
  }

  range(low, high) {
    if (low === null || high === null) return [0, 1];
    const bottom = this.zero ? Math.min(0, low) : low;
    const room = (high - bottom || Math.abs(high) || 1) * 0.08;
    return [this.zero && bottom === 0 ? 0 : bottom - room, high + room];
  }

  series(line) {
    const stroke = style(line.color);
    const made = { stroke, width: line.width ?? 1.6, dash: line.dash ? [5, 4] : undefined, spanGaps: true, points: { show: this.ends.length < 3, size: 4, stroke } };
    if (line.bars) {
      made.paths = uPlot.paths.bars({ size: [0.8, 18, 1], align: -1 });
      made.fill = stroke;
      made.points = { show: false };
      made.width = 0;
    }
    return made;
  }

  drawMark(u) {
    if (this.at === null) return;
    const x = Math.round(u.valToPos(this.at, "x", true));
    const { left, top, width, height } = u.bbox;
    if (x < left || x > left + width) return;
    u.ctx.save();
    u.ctx.strokeStyle = style("--accent");
    u.ctx.lineWidth = 1.5 * devicePixelRatio;
    u.ctx.setLineDash([]);
    u.ctx.beginPath();
    u.ctx.moveTo(x, top);
    u.ctx.lineTo(x, top + height);
    u.ctx.stroke();
    u.ctx.restore();
  }

  /** The numbers under the pointer stand in the legend. */
  read(u) {
    const items = this.place.previousElementSibling?.querySelectorAll?.("li b") ?? [];
    const at = u.cursor.idx;
    this.lines.forEach((line, i) => {
      const value = at === null || at === undefined ? shown(line, this.ends, this.at) : line.values[at];
      if (items[i]) items[i].textContent = this.format(value);
    });
  }
}

/** Move the mark of all charts that are shown. */
export function markAll(at) {
  for (const made of drawn) made.mark(at);
}

/** A value of each row, null where there is none. */
export function values(rows, of) {
  return rows.map((row) => {
    const value = of(row);
    return typeof value === "number" && Number.isFinite(value) ? value : null;
  });
}
