// The page's side of the worker: each call is a promise, and what happens meanwhile comes as events.

/**
 * The engine. Calls: `open(recipe, files)`, `play(turn)`, `pause()`, `step(count)`, `evaluate(part)`, `view(rows)`,
 * `explain(row)`, `model()`, `hash()`, `snapshot()`, `restore(bytes)`, `rows(part)`, `outcome(seconds)`,
 * `predict(model, rows)`, `describeModel(model)`. Events: `progress`, `paused`, `done`, `failed`.
 */
export class Engine extends EventTarget {
  #worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #calls = 0;

  constructor() {
    super();
    this.#worker.onmessage = ({ data }) => {
      if (data.event) {
        this.dispatchEvent(new CustomEvent(data.event, { detail: data.progress ?? data.outcome ?? data.reason }));
        return;
      }
      const { resolve, reject } = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if (data.error === undefined) resolve(data.answer);
      else reject(new Error(data.error));
    };
    this.#worker.onerror = (event) => {
      const error = new Error(`the engine has stopped: ${event.message}; load the page again`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
      this.dispatchEvent(new CustomEvent("failed", { detail: error.message }));
    };
  }

  call(name, ...given) {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call: name, given });
    });
  }

  /** Points of a grid over two features as rows for `view`: from the lower left, row by row. */
  static grid([x0, x1], [y0, y1], columns, lines) {
    const rows = new Float32Array(2 * columns * lines);
    for (let i = 0; i < columns * lines; i += 1) {
      rows[2 * i] = x0 + ((x1 - x0) * (i % columns)) / (columns - 1);
      rows[2 * i + 1] = y0 + ((y1 - y0) * Math.floor(i / columns)) / (lines - 1);
    }
    return rows;
  }
}
