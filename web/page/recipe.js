// The recipe: what is read out of its text, what the controls change in it, and how it is written again.

import { parse } from "./anygrad/toml.js";

export { parse };

/** What the page begins with. */
export const START = `seed = 0
device = "auto"

[data]
source = "spiral"

[[layers]]
linear = 8

[[layers]]
activation = "tanh"

[[layers]]
linear = 8

[[layers]]
activation = "tanh"

[[layers]]
linear = 3

[optimizer]
kind = "adam"
learning_rate = 0.02

[train]
epochs = 200
batch_size = 64
`;

/** Data that need no file. */
export const SOURCES = ["digits", "spiral", "circles", "moons", "xor", "blobs"];
export const ACTIVATIONS = [
  "relu", "tanh", "sigmoid", "leaky_relu", "elu", "gelu", "silu", "softplus", "identity", "step",
];

/** What an optimizer or a schedule needs said, and what is usual. */
export const OPTIMIZERS = {
  adamw: { learning_rate: 0.003 },
  adam: { learning_rate: 0.01 },
  sgd: { learning_rate: 0.1, momentum: 0.9 },
  rmsprop: { learning_rate: 0.01 },
  adagrad: { learning_rate: 0.01 },
};
export const SCHEDULES = {
  constant: {},
  cosine: {},
  step: { period: 30, gamma: 0.5 },
  exponential: { gamma: 0.98 },
  linear: {},
  reduce_on_plateau: {},
};

/** The hidden layers as `[{ width, activation, dropout }]`, or nothing if they are of a kind that the controls do not know. */
export function hiddenOf(recipe) {
  const layers = recipe.layers ?? [{ linear: 64 }, { activation: "relu" }, { linear: 1 }];
  const hidden = [];
  for (let i = 0; i < layers.length - 1; ) {
    if (!isPlain(layers[i], "linear")) return null;
    const one = { width: layers[i].linear, activation: "identity", dropout: 0 };
    i += 1;
    if (i < layers.length - 1 && isPlain(layers[i], "activation")) one.activation = layers[i++].activation;
    if (i < layers.length - 1 && isPlain(layers[i], "dropout")) one.dropout = layers[i++].dropout;
    hidden.push(one);
  }
  return isPlain(layers.at(-1), "linear") ? hidden : null;
}

const isPlain = (layer, key) => layer !== undefined && Object.keys(layer).length === 1 && Object.hasOwn(layer, key);

/** Layers of these hidden ones and so many outputs. */
export function layersOf(hidden, outputs) {
  const layers = hidden.flatMap(({ width, activation, dropout }) => [
    { linear: width },
    ...(activation === "identity" ? [] : [{ activation }]),
    ...(dropout > 0 ? [{ dropout }] : []),
  ]);
  return [...layers, { linear: outputs }];
}

/** Sets the value at a path such as `train.epochs`; undefined takes it out, and a table that is left empty too. */
export function put(recipe, path, value) {
  const keys = path.split(".");
  const last = keys.pop();
  let table = recipe;
  for (const key of keys) {
    if (typeof table[key] !== "object" || table[key] === null) table[key] = {};
    table = table[key];
  }
  if (value === undefined) delete table[last];
  else table[last] = value;
  if (keys.length === 1 && Object.keys(table).length === 0) delete recipe[keys[0]];
}

/** The value at a path. */
export function get(recipe, path) {
  return path.split(".").reduce((table, key) => table?.[key], recipe);
}

const ORDER = ["seed", "device", "reproducible", "from", "data", "layers", "loss", "optimizer", "schedule", "regularization", "train"];

/** A recipe as TOML. */
export function write(recipe) {
  const place = (key) => (ORDER.indexOf(key) + ORDER.length) % ORDER.length;
  const entries = Object.entries(recipe)
    .filter(([, value]) => value !== undefined && value !== null)
    .sort(([a], [b]) => place(a) - place(b));
  const isTables = (value) => Array.isArray(value) && value.length > 0 && value.every(isTable);
  const lines = entries.filter(([, value]) => !isTable(value) && !isTables(value)).map(pair);
  for (const [key, value] of entries) {
    for (const table of isTables(value) ? value : []) lines.push("", `[[${name(key)}]]`, ...Object.entries(table).map(pair));
    if (isTable(value)) lines.push("", `[${name(key)}]`, ...Object.entries(value).filter(([, v]) => v !== undefined && v !== null).map(pair));
  }
  return `${lines.join("\n").trim()}\n`;
}

const isTable = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const name = (key) => (/^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key));
const pair = ([key, value]) => `${name(key)} = ${cell(value)}`;

function cell(value) {
  if (Array.isArray(value)) return `[${value.map(cell).join(", ")}]`;
  if (isTable(value)) return `{ ${Object.entries(value).filter(([, v]) => v !== null && v !== undefined).map(pair).join(", ")} }`;
  if (typeof value === "string") return text(value);
  return String(value).replace(/^(-?\d+)e/, "$1.0e");
}

/** Text in quotes, in which TOML allows no characters of control as they are. */
function text(value) {
  return JSON.stringify(value).replaceAll("\u007f", "\\u007f");
}

/** A recipe that a model's file states, where 0.1 went by way of 32 bits. */
export function tidy(value) {
  if (typeof value === "number" && !Number.isInteger(value)) return Number(value.toPrecision(7));
  if (Array.isArray(value)) return value.map(tidy);
  if (isTable(value)) {
    const members = Object.entries(value).filter(([, member]) => member !== null && !(isTable(member) && Object.keys(member).length === 0));
    return Object.fromEntries(members.map(([key, member]) => [key, tidy(member)]));
  }
  return value;
}
