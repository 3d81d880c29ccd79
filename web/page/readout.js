// The run in figures, and in words: where it stands, on what device and why.

import { find, make } from "./dom.js";
import { percent, show } from "./numbers.js";

const count = (number) => Math.round(number).toLocaleString("en").replaceAll(",", " ");

/** The adapter that the browser offers, in words; nothing if it offers none. */
export async function adapter() {
  try {
    const found = await navigator.gpu?.requestAdapter();
    if (!found) return null;
    const { vendor, architecture, description, isFallbackAdapter } = found.info ?? {};
    const name = description || [vendor, architecture].filter(Boolean).join(" ") || "an adapter without a name";
    const isSoftware = isFallbackAdapter || found.isFallbackAdapter || /swiftshader|llvmpipe/i.test(name);
    return { name, isSoftware };
  } catch {
    return null;
  }
}

export class Readout {
  constructor() {
    const names = ["Epoch", "Step", "Training loss", "Held-out loss", "Held-out accuracy", "Steps a second", "Seconds"];
    this.values = names.map((name) => {
      const [title, value] = [make("dt", {}, name), make("dd", {}, "–")];
      find("readout").append(make("div", {}, title, value));
      return { title, value };
    });
    this.values[4].value.parentElement.classList.add("main");
  }

  show(session, found) {
    const { about } = session;
    const last = session.epochs.at(-1);
    const part = about ? session.part : "train";
    const name = { test: "Test", validation: "Validation", train: "Training" }[part];
    const held = session.peek ?? last;
    const [loss, accuracy] = [held?.[`${part}_loss`], held?.[`${part}_accuracy`]];
    const texts = about
      ? [
          `${session.epoch} / ${about.epochs}`,
          count(session.step),
          show(last?.train_loss ?? session.losses.points.at(-1)?.[1]),
          part === "train" ? null : show(loss),
          about.classes ? (accuracy == null ? "–" : percent(accuracy)) : null,
          session.speed ? count(session.speed) : "–",
          show(session.seconds, 3),
        ]
      : this.values.map((_, i) => (i === 3 ? null : "–"));
    this.values[3].title.textContent = `${name} loss`;
    this.values[4].title.textContent = `${name} accuracy`;
    texts.forEach((text, i) => {
      const { value } = this.values[i];
      value.parentElement.hidden = text === null;
      if (text !== null && value.textContent !== text) value.textContent = text;
    });
    this.#device(session, found);
  }

  /** What trains, in words. Before a run has its device, what the recipe asks for. */
  #device({ about, phase, step, isReal }, found) {
    const gpu = found && `WebGPU: ${found.name}${found.isSoftware ? ", a software adapter" : ""}`;
    let text = "";
    if (about && (step > 0 || isReal || phase === "done")) {
      text = about.backend === "cpu" ? `CPU in WebAssembly${about.threads > 1 ? `, ${about.threads} threads` : ""} (${about.reason === "asked for" ? "as asked for" : about.reason})` : `${gpu ?? about.device} (${about.reason})`;
    } else if (about) {
      text = found ? `Will train on ${gpu}` : "Will train on the CPU in WebAssembly: the browser offers no WebGPU adapter";
    }
    if (find("device").textContent !== text) find("device").textContent = text;
  }
}

/** Where a run stands, as one sentence. */
export function standing(session) {
  const { phase, about, outcome, epoch, step } = session;
  if (phase === "opening") return "Reading the data and preparing the device…";
  if (phase === "ready") return about ? `Ready: ${about.model}, ${count(about.parameters)} parameters.` : "";
  if (phase === "running") return "Training.";
  if (phase === "paused") return `Paused after ${epoch} epochs and ${count(step)} steps.`;
  if (phase !== "done" || !outcome) return "";
  const part = outcome.test_loss === undefined ? (outcome.validation_loss === undefined ? "train" : "validation") : "test";
  const name = { test: "test", validation: "validation", train: "training" }[part];
  const accuracy = outcome[`${part}_accuracy`];
  const figure = accuracy == null ? `${name} loss ${show(outcome[`${part}_loss`])}` : `${name} accuracy ${accuracy.toFixed(4)}`;
  const early = outcome.stopped_early ? ", stopped early" : "";
  return `Done after ${outcome.epochs} epochs${early}: ${figure}. Weights hash ${outcome.weights_hash}.`;
}
