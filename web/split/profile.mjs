// Which functions of the engine runs on built-in data call: with all that the page's controls offer but schedules, on the processor.

import { join } from "node:path";

const SOURCES = ["digits", "spiral", "circles", "moons", "xor", "blobs"];
const ACTIVATIONS = ["relu", "tanh", "sigmoid", "leaky_relu", "elu", "gelu", "silu", "softplus", "identity", "step"];
const OPTIMIZERS = ["sgd", "adam", "adamw", "rmsprop", "adagrad"];
const LOSSES = ["cross_entropy", "binary_cross_entropy", "hinge", "perceptron"];

/** A net for so many outputs. */
const net = (outputs, ...between) => [{ linear: 8 }, ...between, { linear: outputs }];

const RECIPES = [
  ...SOURCES.map((source) => ({ data: { source } })),
  ...ACTIVATIONS.map((activation) => ({ data: { source: "moons" }, layers: net(2, { activation }, { dropout: 0.5 }) })),
  ...OPTIMIZERS.map((kind) => ({ data: { source: "spiral" }, optimizer: { kind, learning_rate: 1e-7 } })),
  { data: { source: "xor" }, reproducible: true, optimizer: { kind: "sgd", learning_rate: 0.1, momentum: 0.9 }, regularization: { l1: 0.01, l2: 0.01 } },
  { data: { source: "spiral" }, layers: net(3, { activation: "tanh" }, { linear: 8 }, { activation: "tanh" }), train: { epochs: 2, batch_size: 64 } },
  ...LOSSES.map((kind) => ({ data: { source: "moons" }, layers: net(kind === "binary_cross_entropy" ? 1 : 2, { activation: "relu" }), loss: { kind } })),
];

/** Stands for the module of web/fused, which not every Node takes: `multiply_add` is 2⁻²⁴, and `tile` does nothing. */
const LOOP = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0],
  // Types: (f32, f32, f32) -> f32, and 8 i32, 2 f32, 2 i32 -> nothing.
  ...[1, 23, 2, 0x60, 3, 0x7d, 0x7d, 0x7d, 1, 0x7d, 0x60, 12, ...Array(8).fill(0x7f), 0x7d, 0x7d, 0x7f, 0x7f, 0],
  // Functions of these types, and their names.
  ...[3, 3, 2, 0, 1],
  ...[7, 23, 2, 12, ...new TextEncoder().encode("multiply_add"), 0, 0, 4, ...new TextEncoder().encode("tile"), 0, 1],
  // f32.const 2⁻²⁴, and nothing.
  ...[10, 12, 2, 7, 0, 0x43, 0, 0, 0x80, 0x33, 0x0b, 2, 0, 0x0b],
);

/** The profile, as `wasm-split` reads it: a hash of the module, then for each function a number of four bytes. */
export async function profile(pkg, instrumented) {
  const { open } = await import(join(pkg, "index.js"));
  const { engine, fuse, load } = await import(join(pkg, "parts.js"));
  // There is no second part yet.
  const empty = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
  await load([instrumented, empty]);
  for (const recipe of RECIPES) {
    for (const device of ["auto", "cpu"]) await lookedAt(await open({ device, seed: 1, train: { epochs: 2 }, ...recipe }));
  }
  // And with a loop of products from elsewhere, for which a function stands in that does nothing.
  fuse(LOOP);
  for (const recipe of RECIPES) await lookedAt(await open({ device: "cpu", seed: 1, train: { epochs: 2 }, ...recipe }));
  const { memory, __write_profile: write } = engine();
  const length = write(0, 0);
  const at = memory.grow(Math.ceil(length / 65_536)) * 65_536;
  write(at, length);
  return new Uint8Array(memory.buffer, at, length).slice();
}

/** What the page does with a run. */
async function lookedAt(run) {
  await run.describe();
  await run.steps(3);
  await run.keep();
  await run.steps(100_000);
  const { width, features } = await run.rows("train");
  for (const part of ["test", "train"]) await run.evaluate(part).catch(() => {});
  await run.view(features.slice(0, 4 * width));
  await run.hash();
  await run.explain(0);
  await run.outcome(1);
  run.free();
}
