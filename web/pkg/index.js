// Trains neural networks in a browser or in Node: on WebGPU where there is an adapter, else on the processor.

import { Run, TrainedModel } from "./engine/anygrad.js";
import { bytesOf, getHelp, load, loaded } from "./parts.js";
import { parse, recipeJson, TomlError } from "./toml.js";

export { load, parse as parseToml, recipeJson, Run, TomlError, TrainedModel };

/** The name under which a recipe finds the table that `train` was given. */
const TABLE = "data.csv";
/** The name under which the engine finds the digits. */
const DIGITS = "digits.csv";
/** Milliseconds that one part of a run takes at most, so that whoever waits gets a turn. */
const TURN = 20;
/** Milliseconds after which a run on a GPU has its state kept. */
const KEEP = 10_000;

/** Opens a run by a recipe and the files that it names; compressed ones by gzip, too. */
export async function open(recipe, files) {
  await loaded();
  const text = recipeJson(recipe);
  const held = {};
  for (const [name, bytes] of Object.entries(files ?? {})) held[name] = await decompressed(bytes);
  const source = JSON.parse(text).data?.source ?? "digits";
  if (source === "digits") held[DIGITS] ??= await digits();
  const run = await Run.open(text, held);
  if (run.isOnCpu) getHelp();
  return run;
}

let digitsBytes;

/** The digits, which lie beside the engine. */
async function digits() {
  digitsBytes ??= await decompressed(await bytesOf(new URL("./engine/digits.csv.gz", import.meta.url)));
  return digitsBytes;
}

/** The content of bytes that gzip may have compressed. */
async function decompressed(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Gives the event loop its turn: messages, a pause. */
export function breathe() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/**
 * Runs on to the end, or until `goesOn()` says no, in parts that take no longer than a turn; `onPart` hears of each.
 * Yields seconds of training.
 */
export async function drive(run, { backend, onPart, goesOn = () => true, turn = TURN }) {
  let [count, seconds, kept, progress] = [1, 0, performance.now(), null];
  while (goesOn() && !progress?.done) {
    const begin = performance.now();
    progress = JSON.parse(await run.steps(count));
    const took = performance.now() - begin;
    seconds += took / 1000;
    onPart?.(progress);
    // Half as many or twice as many next time, so that a part takes about a turn.
    if (took > turn) count = Math.max(1, Math.floor(count / 2));
    else if (took < turn / 2) count = Math.min(4096, 2 * count);
    if (backend !== "cpu" && performance.now() - kept > KEEP) {
      await run.keep();
      kept = performance.now();
    }
    await breathe();
  }
  return seconds;
}

/**
 * Trains by a recipe on data and returns the trained model.
 *
 * @param recipe TOML as in the program's config files, or an object of the same keys.
 * @param data a table (CSV as text or bytes), rows (objects with a member for each column), files by name, or nothing
 *     where the recipe names data of its own, such as `digits`.
 * @param onEvent called with each event: `start`, `steps`, `epoch`, `device_lost`, `rolled_back`, `done`.
 */
export async function train(recipe, data, onEvent = () => {}) {
  const { files, settings } = given(recipe, data);
  const run = await open(settings, files);
  try {
    const about = JSON.parse(await run.describe());
    onEvent({ event: "start", ...about });
    const onPart = ({ events }) => events.forEach((event) => onEvent(event));
    const seconds = await drive(run, { backend: about.backend, onPart });
    const outcome = JSON.parse(await run.outcome(seconds));
    onEvent(outcome);
    return { model: await run.model(), outcome, about };
  } finally {
    run.free();
  }
}

/**
 * Predicts with a trained model.
 *
 * @param model the bytes of a model's file.
 * @param rows arrays of raw features, objects with a member for each column, or a table (CSV as text or bytes).
 * @returns for each row `{ class, probabilities }` (`scores` where the loss leaves no probabilities), of several labels
 *     `{ probabilities }`, or the values.
 */
export async function predict(model, rows) {
  await loaded();
  const trained = new TrainedModel(model);
  try {
    const isNumbers = Array.isArray(rows) && rows.every((row) => Array.isArray(row) || ArrayBuffer.isView(row));
    if (isNumbers) return JSON.parse(await trained.predict(Float32Array.from(rows.flatMap((row) => [...row]))));
    return JSON.parse(await trained.predictTable(await decompressed(tableBytes(rows)), TABLE));
  } finally {
    trained.free();
  }
}

/** The recipe and the files of a run on data that is given. */
function given(recipe, data) {
  const isFiles = data && typeof data === "object" && !Array.isArray(data) && !ArrayBuffer.isView(data);
  if (data === undefined || data === null || isFiles) return { settings: recipe, files: data ?? undefined };
  const settings = structuredClone(typeof recipe === "string" ? parse(recipe) : recipe);
  settings.data = { source: TABLE, ...settings.data };
  return { settings, files: { [settings.data.source]: tableBytes(data) } };
}

function tableBytes(table) {
  if (ArrayBuffer.isView(table)) return new Uint8Array(table.buffer, table.byteOffset, table.byteLength);
  return new TextEncoder().encode(typeof table === "string" ? table : csv(table));
}

/** Rows as a table of text. */
function csv(rows) {
  const names = Object.keys(rows[0] ?? {});
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [names, ...rows.map((row) => names.map((name) => row[name]))];
  return lines.map((line) => line.map(cell).join(",")).join("\n") + "\n";
}
