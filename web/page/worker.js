// The engine's worker: holds one run, goes on with it in parts, and answers the page in between.

import { drive, open, TrainedModel } from "./anygrad/index.js";
import { complete, loadFirst } from "./anygrad/parts.js";

loadFirst();
let run = null;
let about = null;
let seconds = 0;
/** The number of the drive that goes on; another one ends it. */
let driving = 0;

const tell = (message) => self.postMessage(message);

const calls = {
  /** Opens a run and says what it is. */
  async open(recipe, files) {
    calls.pause();
    run?.free();
    run = null;
    run = await open(recipe, files);
    seconds = 0;
    about = JSON.parse(await run.describe());
    // The rest of the engine is there when it is asked for; where it cannot be had, that call says so.
    complete().catch(() => {});
    return about;
  },
  /** Goes on to the end, or until `pause`. */
  play(turn) {
    const own = ++driving;
    const onPart = (progress) => tell({ event: "progress", progress });
    drive(run, { backend: about.backend, onPart, goesOn: () => own === driving, turn })
      .then(async (took) => {
        seconds += took;
        const isOver = own === driving;
        if (isOver) driving = 0;
        tell(isOver ? { event: "done", outcome: JSON.parse(await run.outcome(seconds)) } : { event: "paused" });
      })
      .catch((error) => tell({ event: "failed", reason: error.message ?? String(error) }));
  },
  pause() {
    driving = 0;
  },
  /** So many steps, then no more. */
  async step(count) {
    calls.pause();
    const progress = JSON.parse(await run.steps(count));
    tell({ event: "progress", progress });
    return progress;
  },
  async predict(model, rows) {
    await loadFirst();
    const trained = new TrainedModel(model);
    try {
      return JSON.parse(await trained.predict(rows));
    } finally {
      trained.free();
    }
  },
  async describeModel(model) {
    await loadFirst();
    const trained = new TrainedModel(model);
    try {
      return JSON.parse(trained.describe());
    } finally {
      trained.free();
    }
  },
};
for (const name of ["evaluate", "explain", "outcome"]) calls[name] = async (...given) => JSON.parse(await run[name](...given));
for (const name of ["view", "model", "hash", "snapshot", "restore", "rows", "keep", "loseDevice"]) {
  calls[name] = (...given) => run[name](...given);
}

self.onmessage = async ({ data: { id, call, given } }) => {
  try {
    if (!run && !["open", "predict", "describeModel", "pause"].includes(call)) throw new Error("there is no run: open one");
    tell({ id, answer: await calls[call](...given) });
  } catch (error) {
    tell({ id, error: error.message ?? String(error) });
  }
};
