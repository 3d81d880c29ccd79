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
      const taken = get(resolved, path);
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

  #layers(recipe) {
    const hidden = recipe.from ? null : hiddenOf(recipe);
    const box = find("layers");
    const key = JSON.stringify(hidden);
    if (box.dataset.key === key) return;
    const focused = document.activeElement?.id;
    box.dataset.key = key;
    if (!hidden) {
      const why = recipe.from ? `They are those of the model ${recipe.from}.` : "They are written by hand in the recipe.";
      box.replaceChildren(make("p", { class: "note" }, why));
      return;
    }
    const edit = (work) => {
      const next = structuredClone(hidden);
      work(next);
      this.change((given) => {
        given.layers = layersOf(next, given.layers?.at(-1).linear ?? 1);
      }, recipe.layers === undefined);
    };
    const line = ({ width, activation, dropout }, i) => {
      const number = (key, value, label, accept) => {
        const input = make("input", { type: "text", inputmode: "decimal", id: `layer-${i}-${key}`, "aria-label": `${label} of hidden layer ${i + 1}`, autocomplete: "off" });
        input.value = String(value);
        input.addEventListener("change", () => {
          const isRight = input.value.trim() !== "" && accept(Number(input.value));
          input.setAttribute("aria-invalid", String(!isRight));
          if (isRight) edit((next) => (next[i][key] = Number(input.value)));
        });
        return input;
      };
      const known = ACTIVATIONS.includes(activation) ? ACTIVATIONS : [...ACTIVATIONS, activation];
      const select = make("select", { id: `layer-${i}-activation`, "aria-label": `Activation of hidden layer ${i + 1}` }, ...known.map((name) => make("option", { value: name }, words(name))));
      select.value = activation;
      select.addEventListener("change", () => edit((next) => (next[i].activation = select.value)));
      const remove = make("button", { type: "button", class: "quiet", id: `layer-${i}-remove`, "aria-label": `Remove hidden layer ${i + 1}`, onclick: () => edit((next) => next.splice(i, 1)) }, "×");
      return make("div", { class: "layer", role: "group", "aria-label": `Hidden layer ${i + 1}` },
        number("width", width, "Units", (value) => Number.isInteger(value) && value >= 1),
        select,
        number("dropout", dropout, "Dropout", (value) => value >= 0 && value < 1),
        remove);
    };
    const head = make("div", { class: "layer head", "aria-hidden": "true" }, make("span", {}, "units"), make("span", {}, "activation"), make("span", {}, "dropout"), make("span"));
    const last = hidden.at(-1) ?? { width: 8, activation: "tanh", dropout: 0 };
    const add = make("button", { type: "button", id: "add-layer", onclick: () => edit((next) => next.push({ ...last })) }, "Add a layer");
    box.replaceChildren(...(hidden.length ? [head] : []), ...hidden.map(line), add);
    const again = focused && (document.getElementById(focused) ?? (focused.startsWith("layer-") ? add : null));
    if (again && box.contains(again)) again.focus();
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
