// Loss and accuracy over epochs as a drawing whose lines are those of the parts of the data.

import { draw, describe, make, paint, sizeOf, whenRepainted } from "./dom.js";
import { percent, show, ticks } from "./numbers.js";

const LINES = { train: "training", validation: "validation", test: "test" };
/** As short as a line above a picture has room for. */
const KEYS = { train: "train", validation: "valid.", test: "test" };
/** Points of a line at most. */
const MOST = 350;
const MARGIN = { left: 50, right: 14, top: 8, bottom: 26 };

export class Curves {
  /** A picture of `loss` or `accuracy` in a figure. */
  constructor(figure, kind) {
    Object.assign(this, { figure, kind, isLogarithmic: false });
    this.picture = draw("svg", { role: "img", class: "picture wide" });
    this.legend = make("p", { class: "legend", "aria-hidden": "true" });
    figure.querySelector("figcaption").append(this.legend);
    figure.append(this.picture);
    if (kind === "loss") {
      const box = make("input", { type: "checkbox", id: "logarithmic" });
      box.addEventListener("change", () => {
        this.isLogarithmic = box.checked;
        this.#paint();
      });
      figure.querySelector("figcaption").append(make("label", { class: "check" }, box, " log"));
      box.setAttribute("aria-label", "Logarithmic scale of the loss");
    }
    whenRepainted(this.picture, () => this.session?.about && this.#draw());
  }

  show(session) {
    this.session = session;
    this.#paint();
  }

  #paint() {
    if (this.session?.about) paint(this, () => this.#draw());
  }

  #draw() {
    const { epochs, losses, about } = this.session;
    const { width, height } = sizeOf(this.picture);
    if (!about || !width || !height) return;
    const some = thinned(epochs);
    const lines = Object.keys(LINES)
      .map((part) => ({ part, points: some.filter((e) => e[`${part}_${this.kind}`] != null).map((e) => [e.epoch, e[`${part}_${this.kind}`]]) }))
      .filter(({ points }) => points.length > 0);
    const steps = this.kind === "loss" ? thinned(losses.points) : [];
    this.#tell(lines, steps);
    const scale = this.#scale(lines, steps, about, width, height);
    const content = [...this.#axes(scale, width, height)];
    if (steps.length > 1) content.push(path(steps, scale, "line steps"));
    for (const { part, points } of lines) {
      content.push(path(points, scale, `line ${part}`));
      const [x, y] = points.at(-1);
      content.push(draw("circle", { cx: scale.x(x), cy: scale.y(y), r: 4, class: `dot ${part}` }));
    }
    this.picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.picture.replaceChildren(...content);
  }

  #scale(lines, steps, about, width, height) {
    const most = Math.max(1, Math.min(about.epochs, Math.max(this.session.epoch * 1.15 + 1, about.epochs / 20, 5)));
    let [low, high] = [0, 1];
    if (this.kind === "loss") {
      const values = [...steps, ...lines.flatMap(({ points }) => points)].map(([, y]) => y).filter(Number.isFinite);
      const sorted = values.toSorted((a, b) => a - b);
      high = sorted.length ? Math.max(sorted[Math.floor(0.995 * (sorted.length - 1))] * 1.05, 1e-6) : 1;
      if (this.isLogarithmic) low = Math.max(1e-8, (sorted.find((value) => value > 0) ?? 0.1) * 0.9);
    } else {
      const least = Math.min(1, ...lines.flatMap(({ points }) => points.map(([, y]) => y)));
      low = Math.max(0, Math.floor(10 * least - 0.2) / 10);
    }
    const of = this.isLogarithmic ? Math.log10 : (value) => value;
    const [inner, tall] = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    const y = (value) => MARGIN.top + tall * (1 - (of(Math.max(value, low)) - of(low)) / (of(high) - of(low) || 1));
    return { low, high, most, x: (epoch) => MARGIN.left + (inner * epoch) / most, y: (value) => Math.max(MARGIN.top, y(value)) };
  }

  *#axes({ low, high, most, x, y }, width, height) {
    const marks = this.isLogarithmic ? powers(low, high) : ticks(low, high, 4);
    for (const { value, text } of marks) {
      const at = y(value);
      yield draw("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: at, y2: at, class: "grid" });
      yield draw("text", { x: MARGIN.left - 10, y: at, class: "mark end middle" }, text);
    }
    for (const { value, text } of ticks(0, most, 5)) {
      if (value % 1 !== 0) continue;
      yield draw("line", { x1: x(value), x2: x(value), y1: height - MARGIN.bottom, y2: height - MARGIN.bottom + 5, class: "axis" });
      yield draw("text", { x: x(value), y: height - MARGIN.bottom + 21, class: "mark center" }, text);
    }
    const ground = height - MARGIN.bottom;
    yield draw("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: ground, y2: ground, class: "axis" });
  }

  #tell(lines, steps) {
    const write = this.kind === "loss" ? show : percent;
    const ends = lines.map(({ part, points }) => `${LINES[part]} ${write(points.at(-1)[1])} (began at ${write(points[0][1])})`);
    const { epoch } = this.session;
    const text =
      ends.length > 0
        ? `${this.kind} after ${epoch} epochs: ${ends.join("; ")}.`
        : steps.length > 0
          ? `${this.kind} of the first ${this.session.step} steps: ${show(steps.at(-1)[1])}.`
          : `${this.kind}: nothing trained yet.`;
    describe(this.picture, text[0].toUpperCase() + text.slice(1));
    const keys = lines.map(({ part, points }) => make("span", { class: `key ${part}` }, `${KEYS[part]} ${write(points.at(-1)[1])}`));
    this.legend.replaceChildren(...keys);
  }
}

/** As many of them as a picture has room for, the first and the last among them. */
function thinned(points) {
  const stride = Math.ceil(points.length / MOST);
  return stride <= 1 ? points : points.filter((_, i) => i % stride === 0 || i === points.length - 1);
}

function path(points, { x, y }, name) {
  let d = "";
  for (let i = 0; i < points.length; i += 1) {
    if (!Number.isFinite(points[i][1])) continue;
    d += `${d ? "L" : "M"}${x(points[i][0]).toFixed(1)} ${y(points[i][1]).toFixed(1)}`;
  }
  return draw("path", { d, class: name });
}

function powers(low, high) {
  const marks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    for (const factor of high / low < 100 ? [1, 2, 5] : [1]) {
      const value = factor * 10 ** power;
      if (value >= low && value <= high) marks.push({ value, text: value < 1e-3 ? value.toExponential(0) : String(Number(value.toPrecision(3))) });
    }
  }
  return marks;
}
