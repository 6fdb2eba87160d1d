// Curves as numbers: what the server sends, smoothed and put on one x axis. Draws nothing.
//
// The server sends
//   {"unit": "step" | "version",
//    "groups": [{"name", "detail"}],                                        one for each run, or version compared; it has one colour
//    "lines": [{"key", "split", "group", "label", "axis", "steps", "times", "values"}],
//                                                                           sorted by step; a value may be "NaN" or "Infinity"
//    "checkpoints": [{"group", "label", "href", "step", "time", "marks", "values": {"key/split/axis": [value, step, time]}}]}

const FIRST_KEYS = ["loss", "accuracy"];

/**
 * Return the charts, one for each key and what its steps count: `{title, key, axis, lines, isFirst}`. Loss and accuracy come first, those
 * of one axis beside one another, then the others in the order in which the server sends them.
 */
export function chartsOf(curves) {
  const charts = new Map();
  for (const line of curves.lines) {
    const title = line.axis === "step" ? line.key : `${line.key} by ${line.axis}`;
    if (!charts.has(title)) charts.set(title, { title, key: line.key, axis: line.axis, lines: [], isFirst: FIRST_KEYS.includes(line.key) });
    charts.get(title).lines.push({ ...line, values: line.values.map(Number) });
  }
  const axes = [...new Set(curves.lines.map((line) => line.axis))];
  const order = ({ key, axis, isFirst }) => (isFirst ? axes.indexOf(axis) * FIRST_KEYS.length + FIRST_KEYS.indexOf(key) : Infinity);
  return [...charts.values()].sort((a, b) => (order(a) === order(b) ? 0 : order(a) - order(b)));
}

/** Return the x values of a line for an axis: "step", "time" (seconds since 1970) or "elapsed" (seconds since the group began). */
export function along(line, axis, starts) {
  if (axis === "step") return line.steps;
  if (axis === "time") return line.times;
  const start = starts.get(line.group) ?? 0;
  return line.times.map((time) => time - start);
}

/** Return when each group began: group → seconds since 1970. */
export function startsOf(curves) {
  const starts = new Map();
  for (const { group, times } of curves.lines) {
    if (times.length && times[0] < (starts.get(group) ?? Infinity)) starts.set(group, times[0]);
  }
  return starts;
}

/**
 * Return values smoothed by an exponential moving average without the bias of its start, as TensorBoard smooths them.
 * What is no number stays what it is and is passed over.
 */
export function smoothed(values, weight) {
  if (weight <= 0) return values;
  let last = 0;
  let count = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    last = last * weight + (1 - weight) * value;
    count += 1;
    return last / (1 - weight ** count);
  });
}

/**
 * Put lines on one axis: `[xs, ...ys]`, as uPlot draws it. A y is undefined where the line has no point at that x (it is drawn across)
 * and null where it has one that cannot be drawn: not a number, or not positive where the scale is logarithmic (there is a gap).
 */
export function joined(columns, logarithmic) {
  const all = new Set();
  for (const { xs } of columns) for (const x of xs) all.add(x);
  const shared = Float64Array.from(all).sort();
  const place = new Map();
  shared.forEach((x, index) => place.set(x, index));
  const data = [Array.from(shared)];
  for (const { xs, ys } of columns) {
    const column = new Array(shared.length);
    for (let index = 0; index < xs.length; index += 1) {
      const y = ys[index];
      column[place.get(xs[index])] = Number.isFinite(y) && (!logarithmic || y > 0) ? y : null;
    }
    data.push(column);
  }
  return data;
}

/** Return the index of the x in a sorted list that is nearest, or -1 in an empty one. */
export function nearest(xs, wanted) {
  if (!xs.length) return -1;
  let low = 0;
  let high = xs.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low > 0 && wanted - xs[low - 1] <= xs[low] - wanted ? low - 1 : low;
}

/**
 * Return where on a chart each checkpoint is: `{checkpoint, line, x, y, exact}`, on the line of which it has a value, evaluation before
 * training. A checkpoint without a value of this key is put on the line at its own step, where the line counts steps.
 */
export function marksOf(chart, checkpoints, axis, starts) {
  const marks = [];
  for (const checkpoint of checkpoints) {
    const lines = chart.lines
      .filter((line) => line.group === checkpoint.group)
      .sort((a, b) => (a.split === "train") - (b.split === "train"));
    const own = lines.find((line) => `${chart.key}/${line.split}/${chart.axis}` in checkpoint.values);
    const line = own ?? lines[0];
    if (!line) continue;
    const known = own ? checkpoint.values[`${chart.key}/${line.split}/${chart.axis}`] : null;
    const x = place(checkpoint, known, chart, axis, starts);
    if (x === null) continue;
    const y = known ? Number(known[0]) : interpolated(along(line, axis, starts), line.values, x);
    if (Number.isFinite(y)) marks.push({ checkpoint, line, x, y, exact: known !== null });
  }
  return marks;
}

/** Return where on the axis a checkpoint is: where its value was logged, else at its own step and time. */
function place(checkpoint, known, chart, axis, starts) {
  if (axis === "step") return known ? known[1] : chart.axis === "step" ? checkpoint.step : null;
  const time = known ? known[2] : checkpoint.time;
  return axis === "time" ? time : time - (starts.get(checkpoint.group) ?? time);
}

function interpolated(xs, ys, x) {
  const right = xs.findIndex((candidate) => candidate >= x);
  if (right < 0) return xs.length ? ys.at(-1) : NaN;
  if (xs[right] === x || right === 0) return ys[right];
  const part = (x - xs[right - 1]) / (xs[right] - xs[right - 1]);
  return ys[right - 1] + part * (ys[right] - ys[right - 1]);
}

/** Return a value in few characters: four decimals where that says something, powers of ten otherwise. */
export function shown(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(3).replace("-", "−").replace("e+", "e");
  return value.toFixed(size >= 1000 ? 1 : 4).replace("-", "−");
}

/** Return seconds as people say them: `2 h 05 min`. */
export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}
