// The engine's code lies in two files: the first has what it takes to train on built-in data, the second all else. What only the
// second has is loaded at its first call, if it is not there by then. A third one has the loop of matrix products with
// instructions that some engines lack. Where the page's server isolates it, memory is shared, and workers help to multiply.

import start, { FLAGS, initSync, useFusedTile, useHelp } from "./engine/anygrad.js";

/** Where the parts lie beside this file, in the form that bundlers look for. */
const FIRST = new URL("./engine/anygrad_bg.wasm", import.meta.url);
const SECOND = new URL("./engine/anygrad_second.wasm", import.meta.url);
const FUSED = new URL("./engine/anygrad_fused.wasm", import.meta.url);
const isNode = Boolean(globalThis.process?.versions?.node);
/** Threads that may work on one memory; more than so many gain little for nets of a page's size. */
const threads = globalThis.crossOriginIsolated ? Math.min(16, navigator.hardwareConcurrency) : 1;
/** The exports of the first part, once it is there. */
let first;
/** Whether its memory is shared, and so what its other parts must be told. */
let isShared = false;
/** The module of the loop, if it is in use, and its exports. */
let loop;
let hasHelp = false;
/** Where the second part lies. */
let secondAddress;
let isWhole = false;
let starting;
let completing;
let loading;

/** The bytes at an address, in Node of a file. */
export async function bytesOf(address) {
  if (isNode && address.protocol === "file:") return new Uint8Array(await (await import("node:fs/promises")).readFile(address));
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}; serve the folder as it was built`);
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * Loads the first part, once: from the folder `source`, by default beside this file, or from the bytes of the two parts, and of
 * the loop.
 */
export function loadFirst(source) {
  starting ??= (async () => {
    if (Array.isArray(source)) {
      first = initSync({ module: source[0] });
      join(new WebAssembly.Module(source[1]));
      if (source[2]) fuse(source[2]);
      return;
    }
    const folder = source === undefined ? undefined : new URL(source, import.meta.url);
    const address = folder ? new URL("anygrad_bg.wasm", folder) : FIRST;
    secondAddress = folder ? new URL("anygrad_second.wasm", folder) : SECOND;
    const fused = bytesOf(folder ? new URL("anygrad_fused.wasm", folder) : FUSED);
    [first] = await Promise.all([begin(address), fused]);
    fuse(await fused);
  })();
  starting.catch(() => (starting = undefined));
  return starting;
}

/** The exports of the first part, from where it lies. */
async function begin(address) {
  if (threads > 1) {
    const bytes = await bytesOf(address);
    isShared = true;
    try {
      return initSync({ module: await WebAssembly.compile(told(bytes, 0)) });
    } catch {
      // So much memory cannot be shared here.
      isShared = false;
    }
  }
  return isNode && address.protocol === "file:" ? initSync({ module: await bytesOf(address) }) : start({ module_or_path: address });
}

/** The bytes of one of the three modules, told whether memory is shared. */
function told(bytes, module) {
  if (isShared) bytes[FLAGS[module]] = 3;
  return bytes;
}

/** Loads the second part, too, before anything asks for it. */
export function complete() {
  completing ??= (async () => {
    await starting;
    if (!isWhole) join(await WebAssembly.compile(told(await bytesOf(secondAddress), 1)));
  })();
  completing.catch(() => (completing = undefined));
  return completing;
}

/** Loads the engine, once; `source` as for `loadFirst`. */
export function load(source) {
  loading ??= loadFirst(source).then(complete);
  loading.catch(() => (loading = undefined));
  return loading;
}

/** Loads the engine unless someone has: in a worker that has asked for the first part, that is enough. */
export const loaded = () => loading ?? starting ?? load();

/** The exports of the first part. */
export const engine = () => first;

/**
 * Gives the engine the loop that multiplies and adds in one instruction, where this engine and this processor have it: then the
 * processor's results are those of the program.
 */
export function fuse(bytes) {
  if (!WebAssembly.validate(told(bytes, 2))) return;
  const module = new WebAssembly.Module(bytes);
  const { exports } = new WebAssembly.Instance(module, { env: { memory: first.memory } });
  // (1 + e)² - (1 + 2e) is e² if it is rounded once, else 0.
  const e = 2 ** -12;
  if (exports.multiply_add(1 + e, 1 + e, -(1 + 2 * e)) !== e * e) return;
  useFusedTile(exports.tile);
  loop = { module, exports };
}

/** Has workers help with matrix products, where memory is shared with them. */
export function getHelp() {
  if (!isShared || !loop || hasHelp) return;
  hasHelp = true;
  let workers;
  try {
    workers = Array.from({ length: threads - 1 }, () => new Worker(new URL("./helper.js", import.meta.url), { type: "module" }));
  } catch {
    // The package lies on another server than the page, which alone may give it workers.
    return;
  }
  const team = useHelp(loop.exports.multiply, workers.length);
  for (const worker of workers) worker.postMessage({ module: loop.module, memory: first.memory, team });
}

/** Puts the functions of the second part into the places that the first one left for them. */
function join(module) {
  if (isWhole) return;
  // Both name each other's things by the module that they come from; there are but two.
  new WebAssembly.Instance(module, new Proxy({}, { get: () => first }));
  isWhole = true;
}

/** Loads the second part before it goes on. Workers can; elsewhere `load` has done it. */
function loadNow() {
  if (isWhole) return;
  const request = new XMLHttpRequest();
  request.open("GET", secondAddress, false);
  request.responseType = "arraybuffer";
  request.send();
  if (request.status !== 200) throw new Error(`${secondAddress}: ${request.status}; serve the folder as it was built`);
  join(new WebAssembly.Module(told(new Uint8Array(request.response), 1)));
}

/** For the first part's imports: stands for each function of the second by its place in the table of functions. */
export const placeholders = new Proxy(
  {},
  {
    get: (_, place) => (...given) => {
      loadNow();
      const table = Object.values(first).find((value) => value instanceof WebAssembly.Table);
      return table.get(Number(place))(...given);
    },
  },
);
