// One chart: the lines of one key, drawn by uPlot, with the checkpoints marked on them.
//
// Drag to zoom, double-click to see everything again, click a checkpoint to open its version. With the keyboard: arrows move the cursor,
// + and − zoom, 0 shows everything, Enter opens the checkpoint nearest to the cursor.

import { along, duration, joined, marksOf, nearest, shown, smoothed } from "./curves.js";
import { Legend } from "./legend.js";

const HEIGHT = 232;
const HIT_PIXELS = 11;
const DASH = { train: [5, 4] };
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 1728000, 4320000];
const WHOLE = Array.from({ length: 16 }, (_item, index) => [1, 2, 5].map((digit) => digit * 10 ** index)).flat();

/**
 * @param {HTMLElement} place      where to draw; emptied first
 * @param {object} chart           `{key, lines}` of chartsOf
 * @param {object} curves          what the server sent
 * @param {object} board           `{syncKey, starts, colours, options}`, shared by all charts of a page
 */
export class Chart {
  constructor(place, chart, curves, board) {
    Object.assign(this, { place, chart, curves, board });
    this.hidden = new Set();
    this.pinned = null;
    this.canvas = place.appendChild(document.createElement("div"));
    this.canvas.className = "chart-canvas";
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    this.tip = document.createElement("div");
    this.tip.className = "chart-tip";
    this.tip.hidden = true;
    this.legend = new Legend(chart, curves, board, (index) => this.toggle(index));
    place.append(this.legend.element);
    this.observer = new ResizeObserver(() => this.plot?.setSize({ width: this.#width(), height: HEIGHT }));
    this.observer.observe(this.canvas);
    this.draw();
  }

  /** Draw anew, with the board's options as they are now. */
  draw() {
    const { axis, logarithmic } = this.board.options;
    const zoom = this.plot && this.drawnAxis === axis ? this.#zoomed() : null;
    this.plot?.destroy();
    this.drawnAxis = axis;
    this.columns = this.chart.lines.map((line) => ({ xs: along(line, axis, this.board.starts), ys: line.values }));
    this.marks = marksOf(this.chart, this.curves.checkpoints, axis, this.board.starts);
    this.plot = new uPlot(this.#options(logarithmic), this.#data(), this.canvas);
    this.plot.over.append(this.tip);
    this.plot.over.addEventListener("mousemove", () => this.#point());
    this.plot.over.addEventListener("mouseleave", () => this.#show(null));
    this.plot.over.addEventListener("click", (event) => this.#click(event));
    this.canvas.setAttribute("aria-label", this.#description());
    this.hidden.forEach((index) => this.#setShown(index, false));
    if (zoom) this.plot.setScale("x", zoom);
  }

  /** Compute the smoothed lines anew; the zoom stays. */
  smooth() {
    if (this.plot.series.length !== this.#data().length) this.draw();
    else this.plot.setData(this.#data(), false);
    this.plot.redraw(true, false);
  }

  toggle(index) {
    if (this.hidden.has(index)) this.hidden.delete(index);
    else this.hidden.add(index);
    this.#setShown(index, !this.hidden.has(index));
    return !this.hidden.has(index);
  }

  destroy() {
    this.observer.disconnect();
    this.plot?.destroy();
    this.place.replaceChildren();
  }

  // ------------------------------------------------------------------------------------------------------------- what is drawn

  #data() {
    const { smoothing, logarithmic } = this.board.options;
    const raw = this.columns;
    if (smoothing <= 0) return joined(raw, logarithmic);
    const smooth = raw.map(({ xs, ys }) => ({ xs, ys: smoothed(ys, smoothing) }));
    return joined([...raw, ...smooth], logarithmic);
  }

  #options(logarithmic) {
    const { axis, smoothing } = this.board.options;
    const { colours, syncKey } = this.board;
    const lines = this.chart.lines.map((line) => this.#series(line, smoothing > 0 ? 0.28 : 1));
    const smooth = smoothing > 0 ? this.chart.lines.map((line) => this.#series(line, 1)) : [];
    const axes = { stroke: colours.muted, font: `11px ${colours.font}`, grid: { stroke: colours.grid, width: 1 }, ticks: { show: false } };
    return {
      width: this.#width(),
      height: HEIGHT,
      padding: [10, 14, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: syncKey, scales: ["x", null], setSeries: false },
        drag: { x: true, y: false, dist: 6 },
        points: { size: 6, width: 1.5 },
        focus: { prox: -1 },
      },
      scales: {
        x: { time: axis === "time" },
        y: logarithmic ? { distr: 3, log: 10, range: (_plot, low, high) => paddedLogarithmically(low, high) } : { range: (_plot, low, high) => padded(low, high) },
      },
      axes: [
        { ...axes, size: 28, space: 64, incrs: { elapsed: SECONDS, step: WHOLE }[axis], values: axis === "time" ? undefined : (_plot, ticks) => ticks.map((tick) => tickOf(tick, axis)) },
        { ...axes, size: (_plot, values) => 16 + 6.4 * Math.max(3, ...(values ?? []).map((value) => String(value ?? "").length)), values: (_plot, ticks) => ticks.map(valueTick) },
      ],
      series: [{}, ...lines, ...smooth],
      hooks: { draw: [(plot) => this.#drawMarks(plot)], setCursor: [(plot) => this.#cursorMoved(plot)] },
    };
  }

  #series(line, alpha) {
    const colour = this.board.colours.series[line.group % this.board.colours.series.length];
    return {
      stroke: colour,
      width: 1.75,
      alpha,
      dash: DASH[line.split],
      points: { show: line.values.length < 2, size: 5, fill: colour },
    };
  }

  #drawMarks(plot) {
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left - 8 * ratio, top - 8 * ratio, width + 16 * ratio, height + 16 * ratio);
    ctx.clip();
    ctx.setLineDash([]); // the last line's dashes are still set
    for (const mark of this.marks) {
      if (this.hidden.has(this.chart.lines.indexOf(mark.line)) || (this.board.options.logarithmic && mark.y <= 0)) continue;
      const x = plot.valToPos(mark.x, "x", true);
      const y = plot.valToPos(mark.y, "y", true);
      const best = mark.checkpoint.marks.includes("best");
      ctx.beginPath();
      if (best) diamond(ctx, x, y, 6.5 * ratio);
      else ctx.arc(x, y, (mark === this.pinned ? 5 : 3.6) * ratio, 0, 7);
      const colour = this.board.colours.series[mark.line.group % this.board.colours.series.length];
      ctx.lineWidth = 1.75 * ratio;
      ctx.fillStyle = best || mark === this.pinned ? colour : this.board.colours.surface;
      ctx.strokeStyle = best ? this.board.colours.surface : colour;
      ctx.fill();
      ctx.stroke();
    }
    this.#drawAbsent(plot, ctx, ratio);
    ctx.restore();
  }

  /** A small cross at the lower edge for every value that is not a number: training diverged there, and a gap alone could be missed. */
  #drawAbsent(plot, ctx, ratio) {
    ctx.strokeStyle = this.board.colours.bad;
    ctx.lineWidth = 1.5 * ratio;
    const y = plot.bbox.top + plot.bbox.height - 5 * ratio;
    const arm = 3 * ratio;
    this.chart.lines.forEach((line, index) => {
      if (this.hidden.has(index)) return;
      let last = -Infinity;
      line.values.forEach((value, position) => {
        if (Number.isFinite(value)) return;
        const x = plot.valToPos(this.columns[index].xs[position], "x", true);
        if (x - last < 5 * ratio || x < plot.bbox.left || x > plot.bbox.left + plot.bbox.width) return;
        last = x;
        ctx.beginPath();
        ctx.moveTo(x - arm, y - arm);
        ctx.lineTo(x + arm, y + arm);
        ctx.moveTo(x + arm, y - arm);
        ctx.lineTo(x - arm, y + arm);
        ctx.stroke();
      });
    });
  }

  // ----------------------------------------------------------------------------------------------------------------- the cursor

  #cursorMoved(plot) {
    const { left } = plot.cursor;
    const x = left === null || left < 0 ? null : plot.posToVal(left, "x");
    this.legend.show(x, this.columns, this.board.options.smoothing);
  }

  #point() {
    const { left, top } = this.plot.cursor;
    let found = null;
    let distance = HIT_PIXELS;
    for (const mark of this.marks) {
      if (this.hidden.has(this.chart.lines.indexOf(mark.line))) continue;
      const away = Math.hypot(this.plot.valToPos(mark.x, "x") - left, this.plot.valToPos(mark.y, "y") - top);
      if (away < distance) [found, distance] = [mark, away];
    }
    this.#show(found);
  }

  #show(mark) {
    if (mark === this.pinned) return;
    this.pinned = mark;
    this.tip.hidden = mark === null;
    this.plot.over.style.cursor = mark ? "pointer" : "";
    if (mark) {
      const { label, marks, step } = mark.checkpoint;
      const title = document.createElement("strong");
      title.textContent = [label, ...marks].join(" · ");
      const line = document.createElement("span");
      line.textContent = `${this.chart.key} ${mark.exact ? "" : "≈ "}${shown(mark.y)}${step === null ? "" : ` at step ${step.toLocaleString("en")}`}`;
      this.tip.replaceChildren(title, line);
      const x = this.plot.valToPos(mark.x, "x");
      const right = x > this.plot.over.clientWidth / 2;
      this.tip.style.left = right ? "" : `${x + 12}px`;
      this.tip.style.right = right ? `${this.plot.over.clientWidth - x + 12}px` : "";
      this.tip.style.top = `${Math.max(0, Math.min(this.plot.valToPos(mark.y, "y") - 18, this.plot.over.clientHeight - 44))}px`;
    }
    this.plot.redraw(false, false);
  }

  #click(event) {
    if (!this.pinned) return;
    const { href } = this.pinned.checkpoint;
    if (event.ctrlKey || event.metaKey) open(href, "_blank", "noopener");
    else location.assign(href);
  }

  // --------------------------------------------------------------------------------------------------------------- the keyboard

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const xs = this.plot.data[0];
    const { min, max } = this.plot.scales.x;
    const move = (count) => {
      const from = nearest(xs, this.plot.cursor.left < 0 ? min : this.plot.posToVal(this.plot.cursor.left, "x"));
      this.#moveTo(xs[Math.max(0, Math.min(xs.length - 1, from + count))]);
    };
    const stride = event.shiftKey ? Math.max(10, Math.round(xs.length / 50)) : 1;
    const actions = {
      ArrowLeft: () => move(-stride),
      ArrowRight: () => move(stride),
      Home: () => this.#moveTo(xs[0]),
      End: () => this.#moveTo(xs.at(-1)),
      "+": () => this.#zoom(min, max, 0.5),
      "=": () => this.#zoom(min, max, 0.5),
      "-": () => this.#zoom(min, max, 2),
      0: () => this.plot.setScale("x", { min: xs[0], max: xs.at(-1) }),
      Enter: () => this.#openNearest(),
    };
    if (!(event.key in actions) || !xs.length) return;
    event.preventDefault();
    event.stopPropagation();
    actions[event.key]();
  }

  #moveTo(x) {
    const { min, max } = this.plot.scales.x;
    if (x < min || x > max) this.plot.setScale("x", { min: x - (max - min) / 2, max: x + (max - min) / 2 });
    this.plot.setCursor({ left: this.plot.valToPos(x, "x"), top: this.plot.over.clientHeight / 2 });
  }

  #zoom(min, max, factor) {
    const { left } = this.plot.cursor;
    const centre = left < 0 ? (min + max) / 2 : this.plot.posToVal(left, "x");
    const xs = this.plot.data[0];
    this.plot.setScale("x", {
      min: Math.max(xs[0], centre - (centre - min) * factor),
      max: Math.min(xs.at(-1), centre + (max - centre) * factor),
    });
  }

  #openNearest() {
    if (!this.marks.length) return;
    const x = this.plot.cursor.left < 0 ? Infinity : this.plot.posToVal(this.plot.cursor.left, "x");
    const away = (mark) => Math.abs(mark.x - x);
    location.assign(this.marks.reduce((a, b) => (away(b) < away(a) ? b : a)).checkpoint.href);
  }

  // ----------------------------------------------------------------------------------------------------------------- small things

  #setShown(index, show) {
    this.plot.setSeries(index + 1, { show });
    if (this.board.options.smoothing > 0) this.plot.setSeries(index + 1 + this.chart.lines.length, { show });
  }

  #zoomed() {
    const { min, max } = this.plot.scales.x;
    const xs = this.plot.data[0];
    return min === xs[0] && max === xs.at(-1) ? null : { min, max };
  }

  #width() {
    return Math.max(200, this.canvas.clientWidth);
  }

  #description() {
    const count = this.chart.lines.reduce((sum, line) => sum + line.values.length, 0);
    const ends = this.chart.lines.slice(0, 4).map((line) => `${line.split} of ${this.curves.groups[line.group].name} ends at ${shown(line.values.at(-1))}`);
    return `${this.chart.title}: ${count.toLocaleString("en")} points, ${this.marks.length} checkpoints; ${ends.join("; ")}. Arrow keys move along the curve.`;
  }
}

function diamond(ctx, x, y, size) {
  ctx.moveTo(x, y - size);
  ctx.lineTo(x + size, y);
  ctx.lineTo(x, y + size);
  ctx.lineTo(x - size, y);
  ctx.closePath();
}

function padded(low, high) {
  if (low === null || high === null) return [0, 1];
  const span = high - low || Math.abs(high) || 1;
  return [low >= 0 && low - span * 0.06 < 0 ? 0 : low - span * 0.06, high + span * 0.06];
}

/** From a first digit, since ticks are counted from there, to a little above the highest. */
function paddedLogarithmically(low, high) {
  if (low === null || high === null) return [0.1, 1];
  const digit = 10 ** Math.floor(Math.log10(low));
  return [Math.max(1, Math.floor(low / digit)) * digit, high * Math.max(1.02, (high / low) ** 0.06)];
}

function tickOf(tick, axis) {
  if (axis === "elapsed") return tick > 0 && tick % 3600 === 0 ? `${tick / 3600} h` : tick > 0 && tick % 60 === 0 && tick < 7200 ? `${tick / 60} min` : duration(tick);
  if (Math.abs(tick) >= 1e6) return `${tick / 1e6}M`;
  return Math.abs(tick) >= 1e4 ? `${tick / 1e3}k` : String(tick);
}

function valueTick(tick) {
  if (tick === null) return "";
  const size = Math.abs(tick);
  if (size !== 0 && (size < 0.001 || size >= 1e5)) return tick.toExponential(0).replace("e+", "e");
  return String(Number(tick.toPrecision(4)));
}
