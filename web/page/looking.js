// Asks the engine for what the pictures show, a few times a second at most, and turns it into figures.

import { Engine } from "./engine.js";
import { extent, largest, probabilities } from "./numbers.js";

/** Points on a side of the grid over two features. */
export const SIDE = 72;
/** Milliseconds between two looks at least; and times as long as a look took. */
const [PAUSE, SHARE] = [300, 4];
/** Most numbers of rows that are brought to the page, and most rows that are looked at. */
const [MOST_NUMBERS, MOST_ROWS] = [4_000_000, 2000];
/** Losses whose outputs are told apart at 0 and have no probabilities. */
const MARGINS = ["hinge", "perceptron"];

export class Looking extends EventTarget {
  #session;
  #last = 0;
  #cost = 0;
  #isLooking = false;
  #isWanted = false;
  #timer = null;
  #run = 0;
  row = 0;
  /** Raw features of the row that a visitor draws or types. */
  own = null;

  constructor(session) {
    super();
    this.#session = session;
  }

  /** What stays as it is while a run goes on: its rows. */
  async open(about) {
    const run = ++this.#run;
    this.about = about;
    this.row = 0;
    const features = about.features.length;
    const part = about.rows.test > 0 ? "test" : about.rows.validation > 0 ? "validation" : "train";
    const fits = (count) => count * features <= MOST_NUMBERS;
    const { engine } = this.#session;
    const held = fits(about.rows[part]) ? await engine.call("rows", part) : null;
    const train = features <= 2 && fits(about.rows.train) ? await engine.call("rows", "train") : null;
    if (run !== this.#run) return;
    this.layout = { part, features, outputs: about.widths.at(-1), held: held && first(held, features), train };
    if (features === 2 && held) {
      const all = train ?? held;
      this.layout.x = extent(all.features, 0, 2);
      this.layout.y = extent(all.features, 1, 2);
      this.layout.grid = Engine.grid(this.layout.x, this.layout.y, SIDE, SIDE);
    }
    this.layout.hidden = hiddenLayer(about);
    this.layout.isSmall = this.isSmall(about);
    this.want(true);
  }

  /** Whether a net is explained: its formulas have a number for each weight. */
  isSmall(about) {
    return about.parameters <= 20_000;
  }

  /** There is something new to see. At the end of a run it is looked at whatever the time. */
  want(isNow = false) {
    this.#isWanted = true;
    if (this.#isLooking || !this.layout) return;
    const due = isNow ? 0 : this.#last + Math.max(PAUSE, SHARE * this.#cost) - performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), Math.max(0, due));
  }

  async #look() {
    if (this.#isLooking || !this.#isWanted) return;
    [this.#isLooking, this.#isWanted] = [true, false];
    const [begin, run, { layout, about }] = [performance.now(), this.#run, this];
    try {
      const seen = await this.#ask(layout, about);
      if (run === this.#run) this.dispatchEvent(new CustomEvent("seen", { detail: seen }));
    } catch (error) {
      this.dispatchEvent(new CustomEvent("blind", { detail: error.message }));
    }
    this.#cost = performance.now() - begin;
    this.#last = performance.now();
    this.#isLooking = false;
    if (this.#isWanted) this.want();
  }

  async #ask(layout, about) {
    const { engine } = this.#session;
    const parts = [layout.grid, layout.held?.features, this.own].filter((part) => part?.length > 0);
    const rows = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.reduce((at, part) => (rows.set(part, at), at + part.length), 0);
    const at = { epoch: this.#session.epoch, step: this.#session.step };
    const layers = rows.length > 0 ? await engine.call("view", rows) : null;
    const explained = layout.isSmall && about.rows.train > 0 ? await engine.call("explain", this.row) : null;
    const seen = { about, layout, at, explained };
    if (!layers) return seen;
    const cut = (values, width) => {
      let from = 0;
      return parts.map((part) => {
        const count = (part.length / layout.features) * width;
        return values.subarray(from, (from += count));
      });
    };
    const isClasses = about.classes !== null && about.classes !== undefined;
    const ends = cut(layers.at(-1), layout.outputs);
    const hidden = layout.hidden ? cut(layers[layout.hidden.layer], layout.hidden.width) : [];
    const named = (found) => {
      const next = () => found.shift() ?? null;
      return { grid: layout.grid ? next() : null, held: layout.held ? next() : null, own: this.own ? next() : null };
    };
    seen.outputs = named([...ends]);
    seen.hidden = named([...hidden]);
    if (isClasses) {
      const classes = Math.max(2, about.classes.length);
      const shares = (outputs) => outputs && probabilities(outputs, layout.outputs, classes);
      seen.shares = { grid: shares(seen.outputs.grid), held: shares(seen.outputs.held), own: shares(seen.outputs.own) };
      seen.hasProbabilities = !MARGINS.includes(about.recipe.loss?.kind);
      if (layout.held?.labels) Object.assign(seen, counted(seen.shares.held, layout.held.labels, classes));
    }
    return seen;
  }
}

/** As many rows as are looked at, of a part. */
function first({ features, labels, values }, width) {
  const count = Math.min(features.length / width, MOST_ROWS);
  const ofValues = values ? values.length / (features.length / width) : 0;
  return {
    count,
    all: features.length / width,
    features: features.subarray(0, count * width),
    labels: labels?.subarray(0, count),
    values: values?.subarray(0, count * ofValues),
  };
}

/** The last layer before the outputs that has two units or more: `{ layer, width }`. */
function hiddenLayer({ layers, widths }) {
  const last = layers.findLastIndex((layer) => layer.linear !== undefined);
  for (let layer = last - 1; layer >= 0; layer -= 1) {
    const isEnd = layer === last - 1 || layers[layer + 1].linear !== undefined;
    if (isEnd && widths[layer + 1] >= 2) return { layer, width: widths[layer + 1] };
  }
  return null;
}

/** Who is taken for what. */
function counted(shares, labels, classes) {
  const confusion = Array.from({ length: classes }, () => new Array(classes).fill(0));
  const predicted = new Uint32Array(labels.length);
  let right = 0;
  for (let row = 0; row < labels.length; row += 1) {
    predicted[row] = largest(shares, row * classes, classes);
    confusion[labels[row]][predicted[row]] += 1;
    right += predicted[row] === labels[row];
  }
  return { confusion, predicted, accuracy: right / labels.length };
}
