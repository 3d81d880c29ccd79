// A field to draw a digit in, with what the net takes it for, and the digits of the test that it gets wrong.

import { colors, css, describe, make, paint, surface, whenRepainted } from "./dom.js";
import { largest, percent } from "./numbers.js";

/** Cells on a side of what the net sees, points on a side of what is drawn, and points of a cell. */
const [CELLS, POINTS, EACH] = [8, 32, 4];
const BRUSH = 2.1;

export class Pad {
  constructor(figure, onRow) {
    this.onRow = onRow;
    this.drawn = new Uint8Array(POINTS * POINTS);
    this.row = new Float32Array(CELLS * CELLS);
    this.cursor = [3, 3];
    this.from = null;
    this.canvas = make("canvas", { class: "pad", tabindex: "0", role: "application", "aria-describedby": "pad-help" });
    this.seenBy = make("canvas", { class: "sees", role: "img" });
    const clear = make("button", { type: "button", id: "pad-clear", onclick: () => this.clear() }, "Clear");
    this.bars = make("ol", { class: "bars", role: "img" });
    figure.querySelector("figcaption").append(clear);
    const small = make("div", { class: "small" }, this.seenBy, make("p", { class: "note", id: "pad-help" }, "What the net sees. Keys: arrows move, space paints, Delete clears."));
    figure.append(make("div", { class: "drawing" }, make("div", { class: "left" }, this.canvas, small), this.bars));
    this.#listen();
    for (const canvas of [this.canvas, this.seenBy]) whenRepainted(canvas, () => this.#paint());
  }

  #listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.at = null;
      this.#stroke(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) for (const one of event.getCoalescedEvents?.() ?? [event]) this.#stroke(one);
    });
    canvas.addEventListener("keydown", (event) => {
      const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
      if (dx !== undefined) {
        this.cursor = this.cursor.map((value, i) => Math.max(0, Math.min(CELLS - 1, value + [dx, dy][i])));
        this.#tell();
      } else if (event.key === " ") this.#block();
      else if (event.key === "Delete" || event.key === "Backspace") this.clear();
      else return;
      event.preventDefault();
      this.#paint();
    });
    for (const name of ["focus", "blur"]) canvas.addEventListener(name, () => this.#paint());
  }

  #begin() {
    if (this.from === null) return;
    // A digit of the data was shown: a new drawing begins.
    this.from = null;
    this.drawn.fill(0);
  }

  #stroke(event) {
    this.#begin();
    const box = this.canvas.getBoundingClientRect();
    const to = [((event.clientX - box.left) / box.width) * POINTS, ((event.clientY - box.top) / box.height) * POINTS];
    const from = this.at ?? to;
    const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1])));
    for (let i = 0; i <= steps; i += 1) this.#dab(from.map((value, axis) => value + ((to[axis] - value) * i) / steps));
    this.at = to;
    this.#changed();
  }

  #dab([x, y]) {
    for (let j = Math.max(0, Math.floor(y - 3)); j <= Math.min(POINTS - 1, y + 3); j += 1) {
      for (let i = Math.max(0, Math.floor(x - 3)); i <= Math.min(POINTS - 1, x + 3); i += 1) {
        if (Math.hypot(i + 0.5 - x, j + 0.5 - y) <= BRUSH) this.drawn[j * POINTS + i] = 1;
      }
    }
  }

  /** Paints the cell under the cursor, or takes its paint away. */
  #block() {
    this.#begin();
    const [x, y] = this.cursor.map((value) => value * EACH);
    const value = this.drawn[y * POINTS + x] ? 0 : 1;
    for (let j = 0; j < EACH; j += 1) this.drawn.fill(value, (y + j) * POINTS + x, (y + j) * POINTS + x + EACH);
    this.#changed();
  }

  clear() {
    this.from = null;
    this.drawn.fill(0);
    this.#changed();
  }

  /** Shows a digit of the data. */
  take(row, words) {
    this.from = words;
    this.row.set(row);
    this.drawn.fill(0);
    this.#changed();
  }

  #changed() {
    if (this.from === null) this.row = counted(fitted(this.drawn));
    this.isEmpty = !this.row.some((value) => value > 0);
    this.shares = null;
    this.onRow(this.isEmpty ? null : this.row);
    this.#tell();
    this.#paint();
  }

  show(seen) {
    this.seen = seen;
    this.shares = this.isEmpty === false ? seen.shares?.own : null;
    this.#tell();
  }

  #tell() {
    const [x, y] = this.cursor;
    const ink = this.from ?? (this.isEmpty === false ? "a drawing" : "empty");
    describe(this.canvas, `Field to draw a digit in: ${ink}. Cursor in line ${y + 1}, column ${x + 1}.`);
    const classes = this.seen?.about.classes ?? [];
    const best = this.shares ? largest(this.shares, 0, classes.length) : -1;
    describe(
      this.bars,
      best >= 0 ? `The net says ${classes[best]}, probability ${percent(this.shares[best])}.` : "Draw a digit to see what the net takes it for.",
    );
    if (this.bars.childElementCount !== classes.length) {
      this.bars.replaceChildren(...classes.map((name) => make("li", {}, make("b", {}, name), make("i"), make("span"))));
    }
    [...this.bars.children].forEach((bar, i) => {
      const share = this.shares?.[i] ?? 0;
      bar.style.setProperty("--share", share.toFixed(3));
      bar.classList.toggle("best", i === best);
      bar.lastChild.textContent = this.shares ? percent(share) : "";
    });
  }

  #paint() {
    paint(this, () => {
      const { grid, text, accent } = colors();
      const { context, width } = surface(this.canvas);
      const cell = width / CELLS;
      context.fillStyle = css(text);
      if (this.from === null) {
        const point = width / POINTS;
        for (let i = 0; i < POINTS * POINTS; i += 1) {
          if (this.drawn[i]) context.fillRect((i % POINTS) * point, Math.floor(i / POINTS) * point, point + 0.5, point + 0.5);
        }
      } else image(context, this.row, width);
      Object.assign(context, { strokeStyle: css(grid), lineWidth: 1 });
      for (let i = 1; i < CELLS; i += 1) {
        context.strokeRect(i * cell, -1, 0, width + 2);
        context.strokeRect(-1, i * cell, width + 2, 0);
      }
      if (document.activeElement === this.canvas) {
        Object.assign(context, { strokeStyle: css(accent), lineWidth: 3 });
        context.strokeRect(this.cursor[0] * cell + 1.5, this.cursor[1] * cell + 1.5, cell - 3, cell - 3);
      }
      const sees = surface(this.seenBy);
      image(sees.context, this.row, sees.width);
      describe(this.seenBy, "The drawing as eight by eight cells, as the net sees it.");
    });
  }
}

/** Cells of 0 to 16 as shades. */
function image(context, row, width) {
  const { text } = colors();
  const cell = width / CELLS;
  row.forEach((value, i) => {
    if (value <= 0) return;
    context.fillStyle = css(text, Math.min(1, value / 16));
    context.fillRect((i % CELLS) * cell, Math.floor(i / CELLS) * cell, cell + 0.4, cell + 0.4);
  });
}

/** A drawing made as large as the field, as those of the data were. */
function fitted(drawn) {
  let [left, right, top, bottom] = [POINTS, -1, POINTS, -1];
  drawn.forEach((value, i) => {
    if (!value) return;
    const [x, y] = [i % POINTS, Math.floor(i / POINTS)];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  });
  const [width, height] = [right - left + 1, bottom - top + 1];
  if (right < 0 || Math.max(width, height) < 10) return drawn;
  const scale = Math.max(width, height) / POINTS;
  const [cx, cy] = [(left + right + 1) / 2, (top + bottom + 1) / 2];
  return drawn.map((_, i) => {
    const x = Math.floor(cx + ((i % POINTS) + 0.5 - POINTS / 2) * scale);
    const y = Math.floor(cy + (Math.floor(i / POINTS) + 0.5 - POINTS / 2) * scale);
    return x >= 0 && y >= 0 && x < POINTS && y < POINTS ? drawn[y * POINTS + x] : 0;
  });
}

/** How many points of each cell are painted: 0 to 16, as in the data. */
function counted(drawn) {
  const row = new Float32Array(CELLS * CELLS);
  drawn.forEach((value, i) => (row[Math.floor(i / POINTS / EACH) * CELLS + Math.floor((i % POINTS) / EACH)] += value));
  return row;
}

/** The digits of the test that the net gets wrong, the surest first; choosing one puts it into the field. */
export class Mistakes {
  constructor(figure, pad) {
    this.pad = pad;
    this.list = make("ul", { class: "mistakes" });
    this.caption = make("p", { class: "note" });
    figure.append(this.list, this.caption);
  }

  /** Shows them, once a second while they change; `isOver` if they no longer do. */
  show(seen, isOver) {
    if (!seen.predicted) return;
    if (isOver) this.due = 0;
    paint(this, () => this.#draw(seen, isOver));
  }

  #draw({ predicted, shares, layout, about, at }, isOver) {
    const { labels, features, count } = layout.held;
    const classes = about.classes.length;
    const wrong = Array.from(predicted.keys()).filter((row) => predicted[row] !== labels[row]);
    const sure = (row) => shares.held[row * classes + predicted[row]];
    const shown = wrong.toSorted((a, b) => sure(b) - sure(a)).slice(0, 24);
    const key = shown.map((row) => `${row}:${predicted[row]}`).join(" ");
    this.caption.textContent =
      wrong.length === 0
        ? `All ${count} ${layout.part} digits are right.`
        : `${wrong.length} of ${count} ${layout.part} digits wrong; true → said${wrong.length > shown.length ? `, the ${shown.length} that it was surest of` : ""}. Choose one to look at it.`;
    describe(this.list, `After ${at.epoch} epochs ${wrong.length} of ${count} ${layout.part} digits are taken for another.`);
    if (this.key === key || performance.now() < this.due || this.list.contains(document.activeElement)) return;
    this.key = key;
    this.due = isOver ? 0 : performance.now() + 1000;
    this.list.replaceChildren(
      ...shown.map((row) => {
        const pixels = features.subarray(row * CELLS * CELLS, (row + 1) * CELLS * CELLS);
        const [truth, said] = [about.classes[labels[row]], about.classes[predicted[row]]];
        const words = `a ${truth} that is taken for ${said}`;
        const canvas = make("canvas", { width: 64, height: 64, "aria-hidden": "true" });
        image(canvas.getContext("2d"), pixels, 64);
        const given = { type: "button", "aria-label": words, onclick: () => this.pad.take(pixels, words) };
        return make("li", {}, make("button", given, canvas, make("span", {}, `${truth} → ${said}`)));
      }),
    );
  }

  /** Draws anew what depends on light and dark. */
  refresh() {
    this.key = null;
  }
}
