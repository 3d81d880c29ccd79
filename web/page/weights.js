// What the units of the first layer look for among pixels: each unit's weights as a picture of its own.

import { colors, describe, make, paint, plain, surface, whenRepainted } from "./dom.js";
import { show } from "./numbers.js";

/** Pixels on a side, and units that are drawn at most. */
const [SIDE, MOST] = [8, 64];
const mix = (a, b, share) => a.map((value, i) => value + (b[i] - value) * share);

export class Weights {
  constructor(figure) {
    this.canvas = make("canvas", { class: "picture square weights", role: "img" });
    this.raster = make("canvas");
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
    const shown = Math.min(units, MOST);
    const { context, width, height } = surface(this.canvas);
    if (!width || !height) return;
    // As many in a line as makes the pictures largest; between two of them is the room of a pixel.
    let [columns, pixel] = [1, 0];
    for (let count = 1; count <= shown; count += 1) {
      const size = Math.min(width / count, height / Math.ceil(shown / count)) / (SIDE + 1);
      if (size > pixel) [columns, pixel] = [count, size];
    }
    pixel = Math.min(pixel, 15);
    const [across, down] = [columns * (SIDE + 1) - 1, Math.ceil(shown / columns) * (SIDE + 1) - 1];
    const { accent, minus, grid, panel } = colors();
    const ground = mix(panel, grid, 0.35);
    Object.assign(this.raster, { width: across, height: down });
    const image = plain(this.raster).createImageData(across, down);
    let [strongest, size] = [0, 0];
    for (let unit = 0; unit < shown; unit += 1) {
      const own = weights.slice(unit * SIDE * SIDE, (unit + 1) * SIDE * SIDE);
      const most = Math.max(1e-9, ...own.map(Math.abs));
      if (most > size) [strongest, size] = [unit, most];
      const [left, top] = [(unit % columns) * (SIDE + 1), Math.floor(unit / columns) * (SIDE + 1)];
      own.forEach((weight, i) => {
        const [ink, share] = [weight < 0 ? minus : accent, Math.abs(weight) / most];
        const at = 4 * ((top + Math.floor(i / SIDE)) * across + left + (i % SIDE));
        for (let k = 0; k < 3; k += 1) image.data[at + k] = ground[k] + (ink[k] - ground[k]) * share;
        image.data[at + 3] = 255;
      });
    }
    plain(this.raster).putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    const corner = [(width - across * pixel) / 2, (height - down * pixel) / 2].map(Math.round);
    context.drawImage(this.raster, ...corner, Math.round(across * pixel), Math.round(down * pixel));
    const of = shown < units ? `the first ${shown} of ${units} units` : `${units} units`;
    this.caption.textContent = `Weights of ${of}, pixel by pixel: blue where ink excites, orange where it quiets.`;
    describe(this.canvas, `Weights of ${of} of the first layer after ${at.epoch} epochs; the largest is ${show(size)}, of unit ${strongest + 1}.`);
  }
}
