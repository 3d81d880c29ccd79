// The controls: fields that show what the recipe says, or what it leaves to the engine, and that change the recipe.

import { find, make } from "./dom.js";
import { ACTIVATIONS, OPTIMIZERS, SCHEDULES, SOURCES, get, hiddenOf, layersOf, put } from "./recipe.js";

const LOSSES = [
  "cross_entropy", "binary_cross_entropy", "mean_squared_error", "half_squared_error", "mean_absolute_error", "huber", "hinge", "perceptron",
];
const words = (name) => name.replaceAll("_", " ");

/** Fields by their path in the recipe. Where the recipe says nothing, the field shows what the engine takes. */
const FIELDS = [
  { path: "loss.kind", label: "Loss", choices: LOSSES, needsOutputs: true },
  { path: "optimizer.kind", label: "Optimizer", choices: Object.keys(OPTIMIZERS), usual: OPTIMIZERS },
  { path: "optimizer.learning_rate", label: "Learning rate", min: 0 },
  { path: "optimizer.momentum", label: "Momentum", min: 0, max: 1, of: ["sgd", "rmsprop"] },
  { path: "schedule.kind", label: "Schedule", choices: Object.keys(SCHEDULES), usual: SCHEDULES },
  { path: "regularization.l1", label: "L1", min: 0 },
  { path: "regularization.l2", label: "L2", min: 0 },
  { path: "train.batch_size", label: "Batch size", min: 1, isWhole: true, word: "full" },
  { path: "train.epochs", label: "Epochs", min: 0, isWhole: true },
  { path: "seed", label: "Seed", min: 0, isWhole: true },
  { path: "device", label: "Device", choices: ["auto", "cpu", "gpu"] },
];
const DATA_FIELDS = [
  { path: "data.target", label: "Target", isText: true, needsOutputs: true },
  { path: "data.test_fraction", label: "Test share", min: 0, max: 0.9 },
];

export class Controls {
  /**
   * `change(edit, needsOutputs)` is called with a function that changes a recipe, and whether the outputs must be counted anew.
   */
  constructor(change, openTable) {
    this.change = change;
    this.#sources(openTable);
    this.fields = [...FIELDS.map((field) => this.#field(field, find("training"))), ...DATA_FIELDS.map((field) => this.#field(field, find("data-fields")))];
  }

  #sources(openTable) {
    const own = make("input", { type: "radio", name: "source", id: "source-own", value: "own" });
    this.ownName = make("span", {}, "own table");
    const radios = SOURCES.map((name) => {
      const radio = make("input", { type: "radio", name: "source", value: name, id: `source-${name}` });
      return make("label", {}, radio, make("span", {}, name));
    });
    find("sources").append(...radios, make("label", { id: "own-label" }, own, this.ownName));
    find("sources").addEventListener("change", ({ target }) => {
      if (target.value === "own" && !this.table) openTable();
      else this.choose(target.value === "own" ? this.table : target.value);
    });
  }

  /** Another source: what was said of the columns of the one before no longer holds. */
  choose(source) {
    this.change((recipe) => {
      const fraction = get(recipe, "data.test_fraction");
      recipe.data = { source, ...(fraction === undefined ? {} : { test_fraction: fraction }) };
      delete recipe.loss;
      delete recipe.from;
    }, true);
  }

  #field(field, parent) {
    const id = `field-${field.path.replaceAll(".", "-")}`;
    let input;
    if (field.choices) {
      input = make("select", { id }, make("option", { value: "" }), ...field.choices.map((name) => make("option", { value: name }, words(name))));
    } else {
      input = make("input", { id, type: "text", inputmode: field.isText ? "text" : "decimal", autocomplete: "off", spellcheck: "false" });
    }
    input.addEventListener("change", () => this.#changed(field, input));
    const label = make("label", { class: field.path === "loss.kind" ? "field whole" : "field" }, make("span", {}, field.label), input);
    parent.append(label);
    return { ...field, input, label };
  }

  #changed(field, input) {
    const value = read(field, input.value);
    const isWrong = value === null;
    input.setAttribute("aria-invalid", String(isWrong));
    input.title = isWrong ? limits(field) : "";
    if (isWrong) return;
    this.change((recipe) => {
      if (field.usual) recipe[field.path.split(".")[0]] = value === undefined ? undefined : { kind: value, ...field.usual[value] };
      else put(recipe, field.path, value);
    }, Boolean(field.needsOutputs));
  }

  /** Shows what a recipe says; `about` is the run that was opened with it, if any. */
  show(recipe, about) {
    const resolved = about?.recipe ?? {};
    const source = get(recipe, "data.source") ?? "digits";
    const isOwn = !SOURCES.includes(source);
    if (isOwn) this.table = source;
    find(isOwn ? "source-own" : `source-${source}`).checked = true;
    this.ownName.textContent = this.table ?? "own table";
    for (const field of this.fields) {
      const { input, label, path } = field;
      const value = get(recipe, path);
      // To look at, a run is opened on the processor; the recipe that says nothing leaves the choice open.
      const taken = path === "device" ? "auto" : get(resolved, path);
      if (field.of) label.hidden = !field.of.includes(get(recipe, "optimizer.kind") ?? get(resolved, "optimizer.kind"));
      if (field.path === "data.target") label.hidden = !isOwn;
      const known = taken === undefined || taken === null ? "" : typeof taken === "number" ? String(Number(taken.toPrecision(6))) : words(String(taken));
      if (field.choices) {
        input.options[0].textContent = known ? `${known} (usual)` : "usual";
        if (value && ![...input.options].some((option) => option.value === value)) input.append(make("option", { value }, value));
        input.value = value ?? "";
      } else {
        input.placeholder = known || (path === "data.target" ? "the last column" : "");
        if (document.activeElement !== input || input.getAttribute("aria-invalid") !== "true") {
          input.value = value === undefined ? "" : String(value);
          input.removeAttribute("aria-invalid");
        }
      }
    }
    this.#layers(recipe);
  }

  /** Shows the hidden layers. Their fields stay while there are as many, so that whoever types keeps the focus. */
  #layers(recipe) {
    const hidden = recipe.from ? null : hiddenOf(recipe);
    const box = find("layers");
    this.hidden = hidden;
    this.recipe = recipe;
    if (!hidden) {
      const why = recipe.from ? `They are those of the model ${recipe.from}.` : "They are written by hand in the recipe.";
      this.lines = null;
      box.replaceChildren(make("p", { class: "note" }, why));
      return;
    }
    if (this.lines?.length !== hidden.length) this.#build(box, hidden.length);
    hidden.forEach((layer, i) => {
      const { select, inputs } = this.lines[i];
      if (![...select.options].some(({ value }) => value === layer.activation)) select.append(make("option", { value: layer.activation }, layer.activation));
      select.value = layer.activation;
      for (const [key, input] of Object.entries(inputs)) {
        if (document.activeElement === input && input.getAttribute("aria-invalid") === "true") continue;
        input.value = String(layer[key]);
        input.removeAttribute("aria-invalid");
      }
    });
  }

  #edit(work) {
    const next = structuredClone(this.hidden);
    work(next);
    this.change((given) => {
      given.layers = layersOf(next, given.layers?.at(-1).linear ?? 1);
    }, this.recipe.layers === undefined);
  }

  #build(box, count) {
    const focused = document.activeElement?.id ?? "";
    this.lines = Array.from({ length: count }, (_, i) => this.#line(i));
    const head = make("div", { class: "layer head", "aria-hidden": "true" }, ...["units", "activation", "dropout", ""].map((name) => make("span", {}, name)));
    const push = () => this.#edit((next) => next.push({ ...(next.at(-1) ?? { width: 8, activation: "tanh", dropout: 0 }) }));
    const add = make("button", { type: "button", id: "add-layer", onclick: push }, "Add a layer");
    box.replaceChildren(...(count > 0 ? [head] : []), ...this.lines.map(({ line }) => line), add);
    const again = document.getElementById(focused) ?? (focused.startsWith("layer-") ? add : null);
    if (again && box.contains(again)) again.focus();
  }

  #line(i) {
    const number = (key, label, isRight) => {
      const name = `${label} of hidden layer ${i + 1}`;
      const input = make("input", { type: "text", inputmode: "decimal", id: `layer-${i}-${key}`, "aria-label": name, autocomplete: "off" });
      input.addEventListener("change", () => {
        const value = Number(input.value.replace(",", "."));
        const isFine = input.value.trim() !== "" && isRight(value);
        input.setAttribute("aria-invalid", String(!isFine));
        if (isFine) this.#edit((next) => (next[i][key] = value));
      });
      return input;
    };
    const options = ACTIVATIONS.map((name) => make("option", { value: name }, words(name)));
    const select = make("select", { id: `layer-${i}-activation`, "aria-label": `Activation of hidden layer ${i + 1}` }, ...options);
    select.addEventListener("change", () => this.#edit((next) => (next[i].activation = select.value)));
    const inputs = {
      width: number("width", "Units", (value) => Number.isInteger(value) && value >= 1),
      dropout: number("dropout", "Dropout", (value) => value >= 0 && value < 1),
    };
    const take = () => this.#edit((next) => next.splice(i, 1));
    const remove = make("button", { type: "button", class: "quiet", id: `layer-${i}-remove`, "aria-label": `Remove hidden layer ${i + 1}`, onclick: take }, "×");
    const line = make("div", { class: "layer", role: "group", "aria-label": `Hidden layer ${i + 1}` }, inputs.width, select, inputs.dropout, remove);
    return { line, select, inputs };
  }
}

/** The value of a field; undefined where it is left to the engine, null where it is none. */
function read(field, text) {
  const plain = text.trim();
  if (plain === "") return undefined;
  if (field.choices || field.isText) return plain;
  if (field.word && plain === field.word) return plain;
  const value = Number(plain.replace(",", "."));
  const isRight = Number.isFinite(value) && (!field.isWhole || Number.isInteger(value)) && value >= (field.min ?? -Infinity) && value <= (field.max ?? Infinity);
  if (isRight && field.isWhole && !Number.isSafeInteger(value)) return BigInt(plain);
  return isRight ? value : null;
}

function limits({ label, isWhole, min, max, word }) {
  return `${label} is ${isWhole ? "a whole number" : "a number"}${min === undefined ? "" : ` of at least ${min}`}${max === undefined ? "" : `, at most ${max}`}${word ? `, or "${word}"` : ""}`;
}
