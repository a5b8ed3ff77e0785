// One feature over time as a strip of cells, and the colours that levels and sizes have.

import { style } from "./charts.js";

/** The colours of now: by level, [pale, full]. */
export function palette() {
  return {
    D: [style("--bad-pale"), style("--bad-fill")], W: [style("--watch-pale"), style("--watch-fill")],
    S: [style("--cell"), style("--cell-full")], U: [style("--surface"), style("--surface")],
    line: style("--line"), accent: style("--accent"),
  };
}

function mix(pair, share) {
  return `color-mix(in srgb, ${pair[1]} ${Math.round(share * 100)}%, ${pair[0]})`;
}

const cache = new Map();

function colour(colours, level, psi, threshold) {
  const ratio = psi === null || !threshold ? 0 : Math.max(0, psi) / threshold;
  const share = level === "S" || level === "U" ? Math.min(1, ratio) : Math.min(1, 0.45 + 0.25 * Math.log2(Math.max(1, ratio)));
  const step = Math.round(share * 8) / 8;
  const key = `${level}${step}${colours[level][1]}${colours[level][0]}`;
  if (!cache.has(key)) cache.set(key, mix(colours[level], step));
  return cache.get(key);
}

/** Draw a strip: cells is a list of {levels, psi, threshold}, `feature` the place in them. */
export function drawStrip(canvas, cells, feature, chosen, colours) {
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (!width) return;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const step = width / cells.length;
  const gap = step > 5 ? 1 : 0;
  cells.forEach((cell, i) => {
    const level = cell.levels[feature] ?? "U";
    context.fillStyle = colour(colours, level, cell.psi[feature], cell.threshold[feature]);
    context.fillRect(i * step, 0, Math.max(step - gap, 0.5), height);
    if (level === "U") {
      context.fillStyle = colours.line;
      context.fillRect(i * step + step / 2 - 1, height / 2 - 1, 2, 2);
    }
  });
  if (chosen >= 0) {
    context.strokeStyle = colours.accent;
    context.lineWidth = 2;
    context.strokeRect(chosen * step + 1, 1, Math.max(step - 2, 1), height - 2);
  }
}
