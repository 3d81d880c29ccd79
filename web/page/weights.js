// What the units of the first layer look for among pixels: each unit's weights as a picture of its own.

import { colors, describe, make, paint, whenRepainted } from "./dom.js";
import { show } from "./numbers.js";

/** Pixels on a side, and units that are drawn at most. */
const [SIDE, MOST] = [8, 64];
const mix = (a, b, share) => a.map((value, i) => value + (b[i] - value) * share);

export class Weights {
  constructor(figure) {
    this.canvas = make("canvas", { class: "picture square weights", role: "img" });
    this.caption = make("p", { class: "note" });
    figure.append(this.canvas, this.caption);
    whenRepainted(this.canvas, () => this.seen && this.#draw());
  }

  show(seen) {
    const step = seen.explained?.steps.find(({ stage, values }) => stage === "forward" && values.length === 3);
    if (!step) return;
    this.seen = { weights: step.values[0].values, units: step.values[0].shape[0], at: seen.at };
    paint(this, () => this.#draw());
  }

  #draw() {
    const { weights, units, at } = this.seen;
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth || !clientHeight) return;
    const shown = Math.min(units, MOST);
    const scale = Math.min(2, devicePixelRatio || 1);
    const [width, height] = [clientWidth * scale, clientHeight * scale];
    Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    // As many in a line as makes the pictures largest.
    let [columns, pixel] = [1, 0];
    for (let count = 1; count <= shown; count += 1) {
      const size = Math.min(width / count, height / Math.ceil(shown / count)) / (SIDE + 1);
      if (size > pixel) [columns, pixel] = [count, size];
    }
    pixel = Math.min(pixel, 15 * scale);
    const { accent, minus, grid, panel } = colors();
    const ground = mix(panel, grid, 0.35);
    const image = context.createImageData(SIDE, SIDE);
    const tile = make("canvas", { width: SIDE, height: SIDE });
    const left = Math.round((width - columns * pixel * (SIDE + 1) + pixel) / 2);
    const top = Math.max(0, Math.round((height - Math.ceil(shown / columns) * pixel * (SIDE + 1) + pixel) / 2));
    let [strongest, size] = [0, 0];
    for (let unit = 0; unit < shown; unit += 1) {
      const own = weights.slice(unit * SIDE * SIDE, (unit + 1) * SIDE * SIDE);
      const most = Math.max(1e-9, ...own.map(Math.abs));
      if (most > size) [strongest, size] = [unit, most];
      own.forEach((weight, i) => image.data.set([...mix(ground, weight < 0 ? minus : accent, Math.abs(weight) / most), 255], 4 * i));
      tile.getContext("2d").putImageData(image, 0, 0);
      context.imageSmoothingEnabled = false;
      const [x, y] = [unit % columns, Math.floor(unit / columns)].map((place) => Math.round(place * pixel * (SIDE + 1)));
      context.drawImage(tile, left + x, top + y, Math.round(pixel * SIDE), Math.round(pixel * SIDE));
    }
    const of = shown < units ? `the first ${shown} of ${units} units` : `${units} units`;
    this.caption.textContent = `Weights of ${of} of the first layer, pixel by pixel: blue where ink excites a unit, orange where it quiets it.`;
    describe(this.canvas, `Weights of ${of} of the first layer after ${at.epoch} epochs; the largest is ${show(size)}, of unit ${strongest + 1}.`);
  }
}
