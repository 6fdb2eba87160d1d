// All charts of a page and the controls above them. Markup:
//
//   <section data-curves="URL">
//     <form data-curves-controls> smoothing, logarithmic, axis </form>
//     <div data-curves-first></div>  <details data-curves-more><div></div></details>
//   </section>
//
// What the reader sets is kept in this browser for every page.

import { Chart } from "./chart.js";
import { chartsOf, startsOf } from "./curves.js";

const SETTINGS = "modelwatch.curves";
const LEAST = 2;
const SERIES = 8;

export class Board {
  constructor(section) {
    this.section = section;
    this.controls = section.querySelector("[data-curves-controls]");
    this.first = section.querySelector("[data-curves-first]");
    this.more = section.querySelector("[data-curves-more]");
    this.syncKey = `curves-${Math.random()}`;
    this.charts = [];
    this.#restore();
    this.controls?.addEventListener("input", () => this.#changed());
    this.controls?.addEventListener("submit", (event) => event.preventDefault());
    this.more?.addEventListener("toggle", () => this.more.open && this.#drawMore());
    const redraw = () => this.#redraw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    document.addEventListener("modelwatch:changed", () => this.load());
  }

  /** Fetch the curves and draw them; a board that is drawn already keeps its zoom where nothing changed. */
  async load() {
    try {
      const answer = await fetch(this.section.dataset.curves, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      const text = await answer.text();
      if (text === this.text) return;
      this.text = text;
      this.curves = JSON.parse(text);
    } catch (error) {
      if (!this.curves) this.#say(`The curves could not be loaded: ${error.message}. Reload the page to try again.`);
      return;
    }
    this.starts = startsOf(this.curves);
    this.#redraw();
  }

  #redraw() {
    if (!this.curves) return;
    this.colours = colours();
    this.charts.forEach((chart) => chart.destroy());
    this.all = chartsOf(this.curves);
    if (!this.all.length) {
      this.charts = [];
      this.#say("No curves: no loss, accuracy or other metric was logged.");
      return;
    }
    this.first.replaceChildren();
    this.shown = Math.max(LEAST, this.all.filter((chart) => chart.isFirst).length);
    this.charts = this.all.slice(0, this.shown).map((chart) => this.#chart(chart, this.first));
    const rest = this.all.length - this.shown;
    if (!this.more) return;
    this.more.hidden = rest <= 0;
    this.more.querySelector("summary").textContent = rest === 1 ? "1 more curve" : `${rest} more curves`;
    this.more.querySelector("div").replaceChildren();
    if (this.more.open) this.#drawMore();
  }

  #drawMore() {
    if (!this.all || this.charts.length > this.shown) return;
    const place = this.more.querySelector("div");
    this.charts.push(...this.all.slice(this.shown).map((chart) => this.#chart(chart, place)));
  }

  #chart(chart, parent) {
    const figure = parent.appendChild(document.createElement("figure"));
    figure.className = "chart";
    const caption = figure.appendChild(document.createElement("figcaption"));
    caption.textContent = chart.title;
    const drawn = new Chart(figure, chart, this.curves, this);
    return drawn;
  }

  #say(text) {
    const line = document.createElement("p");
    line.className = "chart-nothing";
    line.textContent = text;
    this.first.replaceChildren(line);
    if (this.more) this.more.hidden = true;
  }

  // --------------------------------------------------------------------------------------------------------------- the controls

  get options() {
    const data = this.controls ? new FormData(this.controls) : new FormData();
    const unit = this.curves?.unit ?? "step";
    return {
      smoothing: Number(data.get("smoothing") ?? 0),
      logarithmic: data.get("logarithmic") === "on",
      axis: unit === "version" ? "step" : (data.get("axis") ?? "step"),
    };
  }

  #changed() {
    const options = this.options;
    const output = this.controls.querySelector("output");
    if (output) output.value = options.smoothing.toFixed(2);
    localStorage.setItem(SETTINGS, JSON.stringify(options));
    const only = this.before && options.axis === this.before.axis && options.logarithmic === this.before.logarithmic;
    const crossed = !this.before || options.smoothing > 0 !== this.before.smoothing > 0;
    this.before = options;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.charts.forEach((chart) => (only && !crossed ? chart.smooth() : chart.draw())));
  }

  #restore() {
    if (!this.controls) return;
    const kept = JSON.parse(localStorage.getItem(SETTINGS) ?? "{}");
    const { smoothing, logarithmic, axis } = this.controls.elements;
    if (kept.smoothing >= 0) smoothing.value = kept.smoothing;
    if (kept.logarithmic) logarithmic.checked = true;
    if (kept.axis && axis) axis.value = kept.axis;
    const output = this.controls.querySelector("output");
    if (output) output.value = Number(smoothing.value).toFixed(2);
    this.before = this.options;
  }
}

/** Return the colours that charts are drawn with, as the style sheet has them now. */
function colours() {
  const probe = document.body.appendChild(document.createElement("i"));
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const all = {
    series: Array.from({ length: SERIES }, (_item, index) => read(`series-${index}`)),
    muted: read("muted"),
    grid: read("line"),
    surface: read("surface"),
    bad: read("bad"),
    font: getComputedStyle(document.body).fontFamily,
  };
  probe.remove();
  return all;
}

for (const section of document.querySelectorAll("[data-curves]")) new Board(section).load();
