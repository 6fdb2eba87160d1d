// What the lines of a chart are, and their values where the cursor is. Each entry is a button that hides its line.

import { nearest, shown, smoothed } from "./curves.js";

export class Legend {
  constructor(chart, curves, board, toggle) {
    Object.assign(this, { chart, board });
    this.element = document.createElement("ul");
    this.element.className = "chart-legend";
    this.values = chart.lines.map((line, index) => {
      const item = this.element.appendChild(document.createElement("li"));
      const button = item.appendChild(document.createElement("button"));
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      const swatch = button.appendChild(document.createElement("span"));
      swatch.className = line.split === "train" ? "swatch dashed" : "swatch";
      swatch.style.color = board.colours.series[line.group % board.colours.series.length];
      const name = button.appendChild(document.createElement("span"));
      name.className = "chart-line-name";
      const words = [line.split, line.label].filter(Boolean).join(" ");
      name.textContent = curves.groups.length > 1 ? `${curves.groups[line.group].name} ${words}` : words;
      const value = button.appendChild(document.createElement("span"));
      value.className = "chart-value";
      button.addEventListener("click", () => button.setAttribute("aria-pressed", String(toggle(index))));
      return value;
    });
    this.show(null, null, 0);
  }

  /** Show the values at `x`, or with null the last ones. */
  show(x, columns, smoothing) {
    this.chart.lines.forEach((line, index) => {
      let position = line.values.length - 1;
      if (x !== null) position = nearest(columns[index].xs, x);
      let value = line.values[position];
      if (smoothing > 0) value = this.#smooth(line, smoothing)[position];
      this.values[index].textContent = shown(value);
    });
  }

  #smooth(line, weight) {
    if (this.weight !== weight) {
      this.weight = weight;
      this.cache = new Map();
    }
    if (!this.cache.has(line)) this.cache.set(line, smoothed(line.values, weight));
    return this.cache.get(line);
  }
}
