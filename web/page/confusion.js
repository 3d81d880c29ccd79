// The confusion matrix as a table, or for values a picture of what the model says beside what is true.

import { colors, css, describe, make, paint, surface, whenRepainted } from "./dom.js";
import { extent, percent, show, ticks } from "./numbers.js";

const MARGIN = { left: 58, right: 14, top: 12, bottom: 36 };

export class Confusion {
  constructor(figure) {
    this.figure = figure;
    this.table = make("table", { class: "confusion", tabindex: "0" });
    this.frame = make("div", { class: "scroll" }, this.table);
    this.canvas = make("canvas", { class: "picture square", role: "img", hidden: true });
    this.caption = make("p", { class: "note" });
    figure.append(this.frame, this.canvas, this.caption);
    whenRepainted(this.canvas, () => this.seen && !this.seen.confusion && this.#scatter());
  }

  show(seen) {
    this.seen = seen;
    const isClasses = Boolean(seen.confusion);
    this.frame.hidden = !isClasses;
    this.canvas.hidden = isClasses;
    this.figure.querySelector("h3").textContent = isClasses ? "Confusion matrix" : "Said and true values";
    paint(this, () => (isClasses ? this.#fill() : this.#scatter()));
  }

  #fill() {
    const { confusion, about, accuracy, layout, at } = this.seen;
    if (this.of !== about) this.#build(about, confusion.length);
    confusion.forEach((line, i) => {
      const total = line.reduce((sum, count) => sum + count, 0);
      line.forEach((count, j) => {
        const cell = this.cells[i][j];
        const share = total > 0 ? count / total : 0;
        if (cell.textContent === String(count) && cell.dataset.total === String(total)) return;
        cell.textContent = count;
        cell.dataset.total = total;
        cell.style.setProperty("--share", `${Math.round(100 * share)}%`);
        cell.className = count === 0 ? "none" : `${i === j ? "right" : "wrong"}${share > 0.5 ? " full" : ""}`;
      });
    });
    const { held } = layout;
    const ofAll = held.count < held.all ? `the first ${held.count} of ${held.all}` : `the ${held.all}`;
    this.caption.textContent = `Lines: true; columns: said. Of ${ofAll} ${layout.part} rows.`;
    describe(this.table, `Confusion matrix after ${at.epoch} epochs: ${percent(accuracy)} of ${ofAll} ${layout.part} rows right. ${this.#worst()}`);
  }

  #worst() {
    const { confusion, about } = this.seen;
    let worst = [0, 0, 0];
    confusion.forEach((line, i) => line.forEach((count, j) => i !== j && count > worst[0] && (worst = [count, i, j])));
    const [count, i, j] = worst;
    return count === 0 ? "None is taken for another." : `Most often ${about.classes[i]} is taken for ${about.classes[j]}: ${count} times.`;
  }

  #build(about, size) {
    this.of = about;
    const names = about.classes.map((name) => (name.length > 10 ? `${name.slice(0, 9)}…` : name));
    const head = make("tr", {}, make("td"), ...names.map((name) => make("th", { scope: "col" }, name)));
    this.cells = Array.from({ length: size }, () => Array.from({ length: size }, () => make("td")));
    const lines = this.cells.map((line, i) => make("tr", {}, make("th", { scope: "row" }, names[i]), ...line));
    this.table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...lines));
    this.table.classList.toggle("large", size > 6);
    this.table.classList.toggle("huge", size > 12);
  }

  #scatter() {
    const { outputs, layout, about, at } = this.seen;
    const truths = layout.held?.values;
    if (!truths || !outputs.held) return;
    const { context, width, height } = surface(this.canvas);
    if (!width || !height) return;
    const stride = layout.outputs;
    const [a, b] = [extent(truths, 0, stride), extent(outputs.held, 0, stride)];
    const [low, high] = [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
    const [inner, tall] = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    const x = (value) => MARGIN.left + (inner * (value - low)) / (high - low);
    const y = (value) => MARGIN.top + tall * (1 - (value - low) / (high - low));
    const { faint, grid, series } = colors();
    Object.assign(context, { strokeStyle: css(grid), fillStyle: css(faint), lineWidth: 1, textAlign: "center", textBaseline: "top" });
    context.strokeRect(MARGIN.left, MARGIN.top, inner, tall);
    const marks = ticks(low, high, 4);
    for (const { value, text } of marks) context.fillText(text, x(value), MARGIN.top + tall + 8);
    Object.assign(context, { textAlign: "right", textBaseline: "middle" });
    for (const { value, text } of marks) context.fillText(text, MARGIN.left - 8, y(value));
    context.beginPath();
    context.moveTo(x(low), y(low));
    context.lineTo(x(high), y(high));
    Object.assign(context, { strokeStyle: css(faint), lineWidth: 1.25 });
    context.stroke();
    context.fillStyle = css(series[0], 0.75);
    let [error, square, mean] = [0, 0, 0];
    const count = truths.length / stride;
    for (let row = 0; row < count; row += 1) mean += truths[row * stride] / count;
    for (let row = 0; row < count; row += 1) {
      const [truth, said] = [truths[row * stride], outputs.held[row * stride]];
      error += (truth - said) ** 2;
      square += (truth - mean) ** 2;
      context.beginPath();
      context.arc(x(truth), y(said), 4, 0, 2 * Math.PI);
      context.fill();
    }
    const fit = square > 0 ? `R² ${show(1 - error / square)}, ` : "";
    const figures = `${fit}root mean squared error ${show(Math.sqrt(error / count))}`;
    this.caption.textContent = `${about.target[0]} of the ${layout.part} rows: across what is true, upwards what the model says. ${figures}.`;
    describe(this.canvas, `Said and true ${about.target[0]} of ${count} ${layout.part} rows after ${at.epoch} epochs: ${figures}.`);
  }
}
