// Models of the program: saves the page's, opens another's, and predicts a row with it.

import { find, make } from "./dom.js";
import { percent, show } from "./numbers.js";
import { save } from "./files.js";
import { tidy, write } from "./recipe.js";

/** Features for which there is a form. */
const MOST_FIELDS = 24;

export class Models {
  /** `take(text)` takes a recipe as the page's own, `fail(sentence)` says what went wrong. */
  constructor(session, files, take, fail) {
    Object.assign(this, { session, files, take, fail });
    find("save-model").addEventListener("click", () => this.#save());
    find("predict").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#predict();
    });
  }

  async #save() {
    try {
      const bytes = await this.session.engine.call("model");
      save("model.safetensors", bytes);
    } catch (error) {
      this.fail(error.message);
    }
  }

  /** Shows a model, and goes on with it by its own recipe where its data are at hand. */
  async open({ name, bytes }) {
    try {
      const model = await this.session.engine.call("describeModel", bytes);
      this.files[name] = bytes;
      this.opening = { name, bytes, model };
      const { layers, from, loss, ...recipe } = tidy(model.recipe ?? {});
      this.#show();
      await this.take(write({ ...recipe, device: "auto", from: name }));
      // Its data may not be at hand: it predicts all the same.
      this.#show();
    } catch (error) {
      this.fail(`${name}: ${error.message}`);
    }
  }

  /** A run was opened: the model is that of the run, unless its file goes on in it. */
  opened(about) {
    if (this.opening && about.recipe.from !== this.opening.name) this.opening = null;
    this.about = about;
    this.#show();
  }

  #show() {
    const { about, opening } = this;
    const lines = [];
    if (opening) {
      const { model, name } = opening;
      lines.push([name, model.model], ["weights hash", model.weights_hash]);
      for (const [key, value] of Object.entries(model.metrics ?? {})) {
        if (typeof value === "number") lines.push([key.replaceAll("_", " "), /accuracy/.test(key) ? percent(value) : show(value)]);
      }
    } else if (about) lines.push(["model", `${about.model}`], ["parameters", about.parameters.toLocaleString("en").replaceAll(",", " ")]);
    find("model").replaceChildren(make("dl", {}, ...lines.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)])));
    const features = opening?.model.features ?? about?.features ?? [];
    this.#form(features);
  }

  #form(features) {
    const form = find("predict");
    const key = features.join("\n");
    form.hidden = features.length === 0 || features.length > MOST_FIELDS;
    if (this.key === key || form.hidden) return;
    this.key = key;
    const fields = features.map((name, i) => {
      const input = make("input", { type: "text", inputmode: "decimal", id: `feature-${i}`, required: true, autocomplete: "off" });
      input.value = "0";
      return make("label", { class: "field" }, make("span", {}, name), input);
    });
    this.answer = make("output", { class: "answer" });
    const button = make("button", { type: "submit", id: "predict-row" }, "Predict");
    form.replaceChildren(make("h3", {}, "Predict a row"), make("div", { class: "fields" }, ...fields), make("div", { class: "line" }, button, this.answer));
  }

  async #predict() {
    const inputs = [...find("predict").querySelectorAll("input")];
    const row = inputs.map((input) => Number(input.value.replace(",", ".")));
    const wrong = row.findIndex((value) => !Number.isFinite(value));
    inputs.forEach((input, i) => input.setAttribute("aria-invalid", String(i === wrong)));
    if (wrong >= 0) {
      this.answer.textContent = `“${inputs[wrong].value}” is no number.`;
      inputs[wrong].focus();
      return;
    }
    try {
      const { engine } = this.session;
      const isFile = this.opening && !this.session.step;
      const model = isFile ? this.opening.bytes : await engine.call("model");
      const [found] = await engine.call("predict", model, Float32Array.from(row));
      this.answer.textContent = Array.isArray(found) ? found.map((value) => show(value)).join(", ") : classed(found);
    } catch (error) {
      this.fail(error.message);
    }
  }
}

function classed({ class: name, probabilities, scores }) {
  const numbers = probabilities?.map((share) => percent(share)) ?? scores.map((score) => show(score));
  return name === undefined ? numbers.join(", ") : `${name} (${numbers.join(", ")})`;
}
