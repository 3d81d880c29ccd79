// Two planes side by side: where the model draws its boundary among two features, and what its hidden layer makes of them.

import { SIDE } from "./looking.js";
import { colors, css, describe, make, paint, plain, surface, whenRepainted } from "./dom.js";
import { extent, percent, plane, show, ticks } from "./numbers.js";

const MARGIN = { left: 46, right: 12, top: 10, bottom: 34 };
/** Points that are drawn at most, of the rows to learn from. */
const MOST_POINTS = 600;
/** Lines of the input's grid in the warped plane: every so many of its points. */
const EVERY = 6;

const polygon = (corners) => (context, x, y, radius) => {
  corners.forEach(([a, b], i) => context[i === 0 ? "moveTo" : "lineTo"](x + a * radius, y + b * radius));
  context.closePath();
};
/** Marks of classes, so that they differ without colour, too. */
const SHAPES = [
  { sign: "●", path: (context, x, y, radius) => context.arc(x, y, radius, 0, 2 * Math.PI) },
  { sign: "■", path: polygon([[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]) },
  { sign: "▲", path: polygon([[0, -1.25], [1.15, 0.85], [-1.15, 0.85]]) },
  { sign: "◆", path: polygon([[0, -1.3], [1.15, 0], [0, 1.3], [-1.15, 0]]) },
];

const mix = (a, b, share) => a.map((value, i) => value + (b[i] - value) * share);

class Plane {
  constructor(figure) {
    this.canvas = make("canvas", { class: "picture square", role: "img" });
    this.caption = make("p", { class: "note" });
    this.title = figure.querySelector("h3");
    this.keys = make("p", { class: "keys", "aria-hidden": "true" });
    figure.querySelector("figcaption").append(this.keys);
    figure.append(this.canvas, this.caption);
    whenRepainted(this.canvas, () => this.seen && this.draw());
  }

  show(seen) {
    if (this.seen?.about !== seen.about) this.keys.replaceChildren(...keys(seen.about));
    this.seen = seen;
    paint(this, () => this.draw());
  }

  /** Places in the canvas of values. */
  frame(width, height, [x0, x1], [y0, y1]) {
    const [inner, tall] = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    return {
      x: (value) => MARGIN.left + (inner * (value - x0)) / (x1 - x0),
      y: (value) => MARGIN.top + tall * (1 - (value - y0) / (y1 - y0)),
      inner,
      tall,
    };
  }

  axes(context, frame, [x0, x1], [y0, y1], names) {
    const { faint, grid, text: ink } = colors();
    Object.assign(context, { fillStyle: css(faint), strokeStyle: css(grid), lineWidth: 1, textAlign: "center", textBaseline: "top" });
    context.strokeRect(MARGIN.left, MARGIN.top, frame.inner, frame.tall);
    const ground = MARGIN.top + frame.tall;
    for (const { value, text } of ticks(x0, x1, 4)) context.fillText(text, frame.x(value), ground + 8);
    Object.assign(context, { textAlign: "right", textBaseline: "middle" });
    for (const { value, text } of ticks(y0, y1, 4)) context.fillText(text, MARGIN.left - 8, frame.y(value));
    Object.assign(context, { textBaseline: "bottom", fillStyle: css(ink) });
    context.fillText(names[0], MARGIN.left + frame.inner - 6, ground - 4);
    Object.assign(context, { textAlign: "left", textBaseline: "top" });
    context.fillText(names[1], MARGIN.left + 6, MARGIN.top + 5);
  }

  /** A mark for each row, in the colour and shape of its class. */
  dots(context, count, place, { color, shape }, radius) {
    const { panel } = colors();
    for (let row = 0; row < count; row += 1) {
      const [x, y] = place(row);
      context.beginPath();
      SHAPES[shape(row)].path(context, x, y, radius);
      context.fillStyle = css(color(row));
      context.fill();
      context.lineWidth = 1.25;
      context.strokeStyle = css(panel);
      context.stroke();
    }
  }

  /** A cross where the model is wrong. */
  crosses(context, place) {
    const { predicted, layout } = this.seen;
    Object.assign(context, { lineWidth: 1.75, strokeStyle: css(colors().text) });
    context.beginPath();
    for (let row = 0; row < (predicted?.length ?? 0); row += 1) {
      if (predicted[row] === layout.held.labels[row]) continue;
      const [x, y] = place(row);
      for (const side of [-4.5, 4.5]) {
        context.moveTo(x - 4.5, y - side);
        context.lineTo(x + 4.5, y + side);
      }
    }
    context.stroke();
  }
}

/** The colour and shape of each row's true class, or the colour of its value between the least and the largest. */
function marks(seen, rows) {
  const { series } = colors();
  if (rows.labels) {
    return { color: (row) => series[rows.labels[row] % series.length], shape: (row) => rows.labels[row] % SHAPES.length };
  }
  const [low, high] = extent(seen.layout.held.values, 0, seen.layout.outputs, 0);
  return { color: (row) => ofValue(rows.values[row * seen.layout.outputs], low, high), shape: () => 0 };
}

/** The classes with their marks, for those who read a picture. */
function keys(about) {
  const key = (name, i) => make("span", { style: `color: var(--c${i % 8})` }, SHAPES[i % SHAPES.length].sign, make("b", {}, name));
  return (about.classes ?? []).slice(0, 8).map(key);
}

function ofValue(value, low, high) {
  const { series, panel } = colors();
  const share = Math.max(-1, Math.min(1, (2 * (value - low)) / (high - low) - 1));
  return mix(mix(panel, [128, 128, 128], 0.15), share < 0 ? series[0] : series[1], Math.abs(share));
}

export class Boundary extends Plane {
  draw() {
    const { about, layout, at } = this.seen;
    const { context, width, height } = surface(this.canvas);
    if (!width || !height) return;
    const frame = this.frame(width, height, layout.x, layout.y);
    this.title.textContent = about.classes ? "Decision boundary" : `${about.target[0]} as the model says`;
    const raster = this.#raster();
    context.imageSmoothingEnabled = true;
    context.save();
    context.translate(0, 2 * MARGIN.top + frame.tall);
    context.scale(1, -1);
    context.drawImage(raster, MARGIN.left, MARGIN.top, frame.inner, frame.tall);
    context.restore();
    this.axes(context, frame, layout.x, layout.y, about.features);
    const of = ({ features }) => (row) => [frame.x(features[2 * row]), frame.y(features[2 * row + 1])];
    const { held } = layout;
    context.drawImage(this.#marks(of, width, height), 0, 0, width, height);
    this.crosses(context, of(held));
    const accuracy = this.seen.accuracy;
    const wrong = accuracy === undefined ? "" : `, ${percent(accuracy)} of the ${layout.part} rows right`;
    const of2 = `${about.features[0]} and ${about.features[1]}`;
    describe(this.canvas, `${about.classes ? "Decision boundary" : `Values of ${about.target[0]}`} over ${of2} after ${at.epoch} epochs${wrong}. ${this.#areas()}`);
    this.caption.textContent = about.classes
      ? `Ground: what the model says. Large: ${layout.part} rows; crossed: said wrongly.`
      : "Colour: the model's value, from low to high. Dots: the rows' own.";
  }

  /** The rows' marks, which stay as they are while the model changes. */
  #marks(of, width, height) {
    const { layout } = this.seen;
    const { train, held } = layout;
    const key = [layout, colors(), width, height];
    if (this.marked?.every((part, i) => part === key[i])) return this.layer;
    this.marked = key;
    this.layer = make("canvas", { width: this.canvas.width, height: this.canvas.height });
    const context = plain(this.layer);
    context.scale(this.canvas.width / width, this.canvas.height / height);
    if (train) this.dots(context, Math.min(MOST_POINTS, train.features.length / 2), of(train), marks(this.seen, train), 2.6);
    this.dots(context, held.count, of(held), marks(this.seen, held), 4.2);
    return this.layer;
  }

  #areas() {
    const { shares, about } = this.seen;
    if (!shares) return "";
    const classes = Math.max(2, about.classes.length);
    const counts = new Array(classes).fill(0);
    for (let i = 0; i < SIDE * SIDE; i += 1) {
      let best = 0;
      for (let c = 1; c < classes; c += 1) if (shares.grid[i * classes + c] > shares.grid[i * classes + best]) best = c;
      counts[best] += 1;
    }
    const said = counts.map((count, c) => `class ${about.classes[c]} ${Math.round((100 * count) / SIDE ** 2)} %`);
    return `Of the plane: ${said.slice(0, 8).join(", ")}.`;
  }

  /** The plane in colours, three times as fine as the grid: between its points by a straight line. */
  #raster() {
    const { shares, outputs, about, layout } = this.seen;
    const fine = 3 * SIDE;
    this.raster ??= make("canvas", { width: fine, height: fine });
    const context = plain(this.raster);
    const image = (this.image ??= context.createImageData(fine, fine));
    const isClasses = shares?.grid;
    const count = isClasses ? Math.max(2, about.classes.length) : layout.outputs;
    const source = isClasses ? shares.grid : outputs.grid;
    const { series, panel } = colors();
    const [low, high] = isClasses ? [0, 1] : extent(layout.held.values, 0, layout.outputs, 0);
    const { data } = image;
    const bests = new Uint8Array(fine * fine);
    const [right, above] = [count, SIDE * count];
    for (let j = 0; j < fine; j += 1) {
      const v = (j * (SIDE - 1)) / (fine - 1);
      const j0 = Math.min(SIDE - 2, Math.floor(v));
      for (let i = 0; i < fine; i += 1) {
        const u = (i * (SIDE - 1)) / (fine - 1);
        const i0 = Math.min(SIDE - 2, Math.floor(u));
        const [fu, fv, corner] = [u - i0, v - j0, (j0 * SIDE + i0) * count];
        let [best, most] = [0, -Infinity];
        for (let c = 0; c < count; c += 1) {
          const at = corner + c;
          const low = source[at] + (source[at + right] - source[at]) * fu;
          const high = source[at + above] + (source[at + above + right] - source[at + above]) * fu;
          const value = low + (high - low) * fv;
          if (value > most) [best, most] = [c, value];
          if (!isClasses) break;
        }
        const pixel = j * fine + i;
        let [color, share] = [null, 1];
        if (isClasses) {
          bests[pixel] = best;
          const sure = this.seen.hasProbabilities ? (most - 1 / count) / (1 - 1 / count) : 0.6;
          const isEdge = (i > 0 && bests[pixel - 1] !== best) || (j > 0 && bests[pixel - fine] !== best);
          [color, share] = [series[best % series.length], isEdge ? 0.9 : 0.1 + 0.38 * sure];
        } else color = ofValue(most, low, high);
        for (let k = 0; k < 3; k += 1) data[4 * pixel + k] = panel[k] + (color[k] - panel[k]) * share;
        data[4 * pixel + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
    return this.raster;
  }
}

export class Warped extends Plane {
  draw() {
    const { hidden, layout, about, at } = this.seen;
    const { context, width, height } = surface(this.canvas);
    if (!width || !height) return;
    const units = layout.hidden.width;
    const found = plane(hidden.grid, units, this.before?.about === about ? this.before.found : null);
    this.before = { about, found };
    const grid = projected(hidden.grid, units, found);
    const dots = projected(hidden.held, units, found);
    const both = [...[0, 1].map((axis) => extent(grid, axis, 2, 0.06))];
    const frame = this.frame(width, height, ...both);
    this.#regions(context, frame, both, found);
    this.#lines(context, frame, grid);
    const names = units === 2 ? ["unit 1", "unit 2"] : ["1st component", "2nd component"];
    this.axes(context, frame, ...both, names);
    const { held } = layout;
    const place = (row) => [frame.x(dots[2 * row]), frame.y(dots[2 * row + 1])];
    this.dots(context, held.count, place, marks(this.seen, held), 4.2);
    this.crosses(context, place);
    const how = units === 2 ? "its two units" : `the first two principal components of its ${units} units, ${percent(found.share)} of the variance`;
    this.caption.textContent = `The grid of inputs and the ${layout.part} rows by ${how}.`;
    describe(this.canvas, `The plane of inputs as the last hidden layer warps it after ${at.epoch} epochs: ${how}. ${this.#apart(dots)}`);
  }

  /** How far the middles of the classes lie apart, in words. */
  #apart(dots) {
    const { held } = this.seen.layout;
    if (!held.labels) return "";
    const sums = new Map();
    held.labels.forEach((label, row) => {
      const sum = sums.get(label) ?? [0, 0, 0];
      sums.set(label, [sum[0] + dots[2 * row], sum[1] + dots[2 * row + 1], sum[2] + 1]);
    });
    const middles = [...sums].sort(([a], [b]) => a - b).slice(0, 8);
    const said = middles.map(([label, [x, y, n]]) => `class ${this.seen.about.classes[label]} around (${show(x / n, 2)}, ${show(y / n, 2)})`);
    return `${said.join(", ")}.`;
  }

  /** What the output layer says of the plane, where it stands right behind. */
  #regions(context, frame, [[x0, x1], [y0, y1]], { mean, axes }) {
    const { explained, about, layout } = this.seen;
    if (!about.classes || about.layers.at(-1).linear === undefined || layout.hidden.layer !== about.layers.length - 2) return;
    const step = explained?.steps.findLast(({ stage, values }) => stage === "forward" && values.length === 3);
    if (!step) return;
    const [weights, biases] = [step.values[0].values, step.values[1].values];
    const units = mean.length;
    // An output is a straight function of the two components.
    const of = biases.map((bias, o) => {
      const line = weights.slice(o * units, (o + 1) * units);
      const along = (vector) => line.reduce((sum, weight, i) => sum + weight * vector[i], 0);
      return [bias + along(mean), along(axes[0]), along(axes[1])];
    });
    const { series, panel } = colors();
    const side = 120;
    this.raster ??= make("canvas", { width: side, height: side });
    const image = (this.image ??= plain(this.raster).createImageData(side, side));
    const tints = series.map((color) => mix(panel, color, 0.22));
    for (let j = 0; j < side; j += 1) {
      for (let i = 0; i < side; i += 1) {
        const [x, y] = [x0 + ((x1 - x0) * (i + 0.5)) / side, y0 + ((y1 - y0) * (side - j - 0.5)) / side];
        let [best, most] = [0, -Infinity];
        for (let o = 0; o < of.length; o += 1) {
          const output = of[o][0] + of[o][1] * x + of[o][2] * y;
          if (output > most) [best, most] = [o, output];
        }
        const tint = tints[(of.length === 1 ? Number(most > 0) : best) % tints.length];
        const at = 4 * (j * side + i);
        for (let k = 0; k < 3; k += 1) image.data[at + k] = tint[k];
        image.data[at + 3] = 255;
      }
    }
    plain(this.raster).putImageData(image, 0, 0);
    context.drawImage(this.raster, MARGIN.left, MARGIN.top, frame.inner, frame.tall);
  }

  #lines(context, frame, grid) {
    const { faint } = colors();
    Object.assign(context, { strokeStyle: css(faint, 0.55), lineWidth: 1 });
    const last = SIDE - 1;
    // Line by line: one long path that crosses itself takes many times as long.
    const stroke = (index) => {
      context.beginPath();
      for (let i = 0; i < SIDE; i += 1) {
        const at = 2 * index(i);
        context[i === 0 ? "moveTo" : "lineTo"](frame.x(grid[at]), frame.y(grid[at + 1]));
      }
      context.stroke();
    };
    for (let line = 0; line < SIDE; line += 1) {
      if (line % EVERY !== 0 && line !== last) continue;
      stroke((i) => line * SIDE + i);
      stroke((i) => i * SIDE + line);
    }
  }
}

function projected(rows, width, { mean, axes: [a, b] }) {
  const count = rows.length / width;
  const places = new Float32Array(2 * count);
  for (let row = 0; row < count; row += 1) {
    let [x, y] = [0, 0];
    for (let i = 0; i < width; i += 1) {
      const value = rows[row * width + i] - mean[i];
      x += value * a[i];
      y += value * b[i];
    }
    places[2 * row] = x;
    places[2 * row + 1] = y;
  }
  return places;
}
