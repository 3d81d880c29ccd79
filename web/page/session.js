// The run of the page: opens it, goes on with it at a pace, pauses, begins anew, and keeps what it told.

import { Engine } from "./engine.js";
import { parse, write } from "./recipe.js";
import { LossTrace, addReport } from "./trace.js";

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Times a second that a run goes on if it is watched. */
const BEATS = 20;

/**
 * A run. Events: `changed` (phase, figures), `opened`, `told` (an event of the engine), `moved` (there are new weights).
 * `phase` is one of `empty`, `opening`, `ready`, `running`, `paused`, `done`, `failed`.
 */
export class Session extends EventTarget {
  engine = new Engine();
  phase = "empty";
  pace = "full";
  about = null;
  failure = null;
  outcome = null;
  kept = null;
  #text = "";
  #files = {};
  /** Whether what is open runs where the recipe says; else it is on the processor, to look at. */
  #isReal = false;
  #turn = 0;
  /** The run before a probe. */
  #saved = null;
  #began = 0;
  #took = 0;
  #recent = [];

  constructor(hasAdapter) {
    super();
    this.hasAdapter = hasAdapter;
    this.#clear();
    this.engine.addEventListener("progress", ({ detail }) => this.#hear(detail));
    this.engine.addEventListener("done", ({ detail }) => this.phase === "running" && this.#finish(detail));
    this.engine.addEventListener("failed", ({ detail }) => this.#fail(detail));
    this.engine.addEventListener("paused", () => this.#say("moved"));
  }

  get isBusy() {
    return this.phase === "running" || this.phase === "opening";
  }

  /** Whether what is open runs where the recipe says. */
  get isReal() {
    return this.#isReal;
  }

  /** Seconds of training so far. */
  get seconds() {
    return this.#took + (this.phase === "running" ? (performance.now() - this.#began) / 1000 : 0);
  }

  /** Steps a second while it computes. */
  get speed() {
    const [steps, ms] = this.#recent.reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
    return ms > 0 ? (1000 * steps) / ms : null;
  }

  /** The rows whose figures count: those held back, if there are any. */
  get part() {
    const { test, validation } = this.about.rows;
    return test > 0 ? "test" : validation > 0 ? "validation" : "train";
  }

  get stepsOfEpoch() {
    return Math.max(1, Math.round(this.about.steps / Math.max(1, this.about.epochs)));
  }

  #say(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #go(phase) {
    this.phase = phase;
    this.#say("changed");
  }

  #clear() {
    Object.assign(this, { step: 0, epoch: 0, epochs: [], losses: new LossTrace(), outcome: null, failure: null, peek: null });
    this.#took = 0;
    this.#recent = [];
  }

  /** Whether a recipe would be trained elsewhere than on the processor. */
  #isElsewhere(text) {
    return this.hasAdapter && parse(text).device !== "cpu" && parse(text).reproducible !== true;
  }

  /**
   * Opens a run to look at: on the processor, which is quick and begins with the same weights. What was trained before is kept
   * for `takeBack`. Yields what the run is.
   */
  async look(text, files) {
    const own = ++this.#turn;
    const trained = this.#saved ?? (await this.#keep());
    this.#saved = null;
    if (own !== this.#turn) return null;
    this.#go("opening");
    try {
      const isElsewhere = this.#isElsewhere(text);
      const seen = isElsewhere ? write({ ...parse(text), device: "cpu" }) : text;
      const about = await this.engine.call("open", seen, files);
      if (own !== this.#turn) return null;
      if (trained) this.kept = trained;
      this.#clear();
      Object.assign(this, { about });
      [this.#text, this.#files, this.#isReal] = [text, files, !isElsewhere];
      this.#go("ready");
      this.#say("opened", about);
      return about;
    } catch (error) {
      if (own !== this.#turn) return null;
      if (trained) this.kept = trained;
      this.#clear();
      this.about = null;
      this.#fail(error.message);
      return null;
    }
  }

  /** Asks what a recipe would give, without a run of its own: outputs that fit the target, say. */
  async probe(text, files) {
    this.#turn += 1;
    // The engine holds one run: what it has now would be gone.
    this.#saved = await this.#keep();
    return this.engine.call("open", text, files);
  }

  async #open() {
    if (this.#isReal && this.step === 0) return;
    this.#go("opening");
    const about = await this.engine.call("open", this.#text, this.#files);
    this.#clear();
    this.about = about;
    this.#isReal = true;
    this.#say("opened", about);
  }

  /** Goes on to the end, or until `pause`. */
  async train() {
    const own = ++this.#turn;
    try {
      if (!this.#isReal || this.phase === "done" || this.phase === "failed") await this.#open();
      if (own !== this.#turn) return;
      const root = document.documentElement.dataset;
      for (const name of ["weightsHash", "outcome", "failure"]) delete root[name];
      if (this.step === 0) {
        root.about = JSON.stringify(this.about);
        root.initialHash = await this.engine.call("hash");
      }
      this.failure = null;
      this.#began = performance.now();
      this.#mark = this.#began;
      this.#go("running");
      if (this.pace === "full") await this.engine.call("play");
      else await this.#watch(own);
    } catch (error) {
      if (own === this.#turn) this.#fail(error.message);
    }
  }

  /** Goes on step by step at the pace. A hidden tab has slow clocks, so that it does not wait for them. */
  async #watch(own) {
    while (own === this.#turn && this.phase === "running" && this.pace !== "full") {
      const perSecond = this.stepsOfEpoch * Number(this.pace);
      const count = Math.max(1, Math.round(perSecond / BEATS));
      const begin = performance.now();
      this.#mark = begin;
      const { done } = await this.engine.call("step", count);
      if (own !== this.#turn) return;
      const left = (1000 * count) / perSecond - (performance.now() - begin);
      if (done) return this.#finish(await this.engine.call("outcome", this.seconds));
      if (left > 0 && !document.hidden) await wait(left);
    }
    if (own === this.#turn && this.phase === "running") await this.engine.call("play");
  }

  async pause() {
    if (this.phase !== "running") return;
    this.#turn += 1;
    this.#took = this.seconds;
    this.#go("paused");
    await this.engine.call("pause");
    this.#say("moved");
  }

  /** So many steps, then no more. */
  async forward(count) {
    const own = ++this.#turn;
    try {
      if (this.phase === "running") await this.pause();
      if (!this.#isReal || this.phase === "done" || this.phase === "failed") await this.#open();
      this.#began = this.#mark = performance.now();
      this.phase = "running";
      const { done } = await this.engine.call("step", count);
      if (done) return this.#finish(await this.engine.call("outcome", this.seconds));
      this.#took = this.seconds;
      await this.#peek();
      this.#go("paused");
      this.#say("moved");
    } catch (error) {
      if (own <= this.#turn) this.#fail(error.message);
    }
  }

  /** At the end of an epoch the engine has its figures with the next step only; whoever stops there wants them now. */
  async #peek() {
    const epoch = this.step / this.stepsOfEpoch;
    const part = this.part;
    if (!Number.isInteger(epoch) || epoch <= this.epoch || part === "train") return;
    const { loss, accuracy } = await this.engine.call("evaluate", part);
    this.peek = { epoch, [`${part}_loss`]: loss, [`${part}_accuracy`]: accuracy };
    this.epoch = epoch;
  }

  /** Begins anew with the same recipe. */
  reset() {
    return this.look(this.#text, this.#files);
  }

  /** Another pace, at once. */
  async setPace(pace) {
    const wasFull = this.pace === "full";
    this.pace = pace;
    if (this.phase === "running" && (wasFull || pace === "full")) {
      await this.pause();
      await this.train();
    }
  }

  #mark = 0;

  #hear(progress) {
    const now = performance.now();
    this.#recent.push([progress.step - this.step, now - this.#mark]);
    this.#mark = now;
    if (this.#recent.length > 40) this.#recent.shift();
    this.losses.add(progress.losses, progress.step, this.stepsOfEpoch);
    // The engine gives the losses of single steps for the first of them; then that of the latest.
    const latest = progress.events.findLast(({ event }) => event === "steps");
    if (progress.losses.length === 0 && latest) this.losses.addLatest(latest.loss, progress.step - this.step, progress.step, this.stepsOfEpoch);
    this.peek = null;
    this.step = progress.step;
    this.epoch = progress.epoch;
    for (const event of progress.events) {
      if (event.event === "epoch") addReport(this.epochs, event);
      else if (event.event !== "steps" && event.event !== "start") this.#say("told", event);
    }
    this.#say("changed");
    this.#say("moved");
  }

  #finish(outcome) {
    this.#took = this.seconds;
    this.outcome = outcome;
    const root = document.documentElement.dataset;
    this.#go("done");
    this.#say("moved");
    root.outcome = JSON.stringify(outcome);
    root.weightsHash = outcome.weights_hash;
  }

  #fail(reason) {
    if (this.phase === "running") this.#took = this.seconds;
    this.failure = reason;
    document.documentElement.dataset.failure = reason;
    this.#go("failed");
  }

  /** What is needed to come back to the run as it is. */
  async #keep() {
    if (this.step === 0 || !this.about) return null;
    const { step, epoch, epochs, losses, about, outcome, peek } = this;
    const wasDone = this.phase === "done";
    try {
      if (this.phase === "running") await this.pause();
      const snapshot = await this.engine.call("snapshot");
      const figures = { step, epoch, epochs, losses, about, outcome, peek };
      return { snapshot, figures, text: this.#text, files: this.#files, took: this.#took, wasDone };
    } catch {
      // A run that failed has nothing to come back to.
      return null;
    }
  }

  /** Comes back to the run before the last change; yields its recipe. */
  async takeBack() {
    const kept = this.kept;
    this.kept = null;
    this.#turn += 1;
    this.#go("opening");
    try {
      await this.engine.call("open", kept.text, kept.files);
      await this.engine.call("restore", kept.snapshot);
      Object.assign(this, kept.figures, { failure: null });
      [this.#text, this.#files, this.#isReal, this.#took] = [kept.text, kept.files, true, kept.took];
      this.#say("opened", this.about);
      this.#go(kept.wasDone ? "done" : "paused");
      this.#say("moved");
      return kept;
    } catch (error) {
      this.#fail(error.message);
      return null;
    }
  }
}
