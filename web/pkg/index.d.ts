// Declarations of the package.

import { Run, TrainedModel } from "./engine/anygrad.js";

export { Run, TrainedModel };

/** A recipe: TOML as in the program's config files, the same as JSON, or as an object. */
export type Recipe = string | Record<string, unknown>;
/** A cell of a row. */
export type Cell = string | number | boolean | null | undefined;
/** A table: CSV as text or bytes, or rows with a member for each column. */
export type Table = string | Uint8Array | Record<string, Cell>[];
/** A table, files by the names under which the recipe knows them, or nothing. */
export type Data = Table | Record<string, Uint8Array> | null | undefined;

/** Figures after an epoch. */
export interface EpochEvent {
  event: "epoch";
  epoch: number;
  train_loss: number;
  train_accuracy: number | null;
  validation_loss?: number;
  validation_accuracy?: number;
  test_loss: number | null;
  test_accuracy: number | null;
  learning_rate: number;
}

/** What a run is, before its first step. */
export interface About {
  device: string;
  backend: "webgpu" | "cpu";
  /** Threads of the processor that multiply, if it trains: more than one where the page's server isolates it. */
  threads: number | null;
  reason: string;
  model: string;
  widths: number[];
  layers: unknown[];
  parameters: number;
  recipe: Record<string, unknown>;
  data: string;
  rows: { train: number; validation: number; test: number };
  features: string[];
  target: string[];
  classes: string[] | null;
  decisions: string[];
  epochs: number;
  steps: number;
  forecast: {
    batch_rows: number;
    launches_per_step: number;
    submissions: number;
    flops_per_step: number;
    device_bytes: number;
  };
}

/** The last line of a run. */
export interface Outcome {
  event: "done";
  device: string;
  backend: "webgpu" | "cpu";
  parameters: number;
  epochs: number;
  model_epoch: number;
  stopped_early: boolean;
  steps: number;
  seconds: number;
  samples_per_second: number;
  weights_hash: string;
  train_loss: number | null;
  train_accuracy: number | null;
  validation_loss?: number;
  validation_accuracy?: number;
  test_loss?: number;
  test_accuracy?: number;
  threshold: number | null;
}

/** What a run tells while it goes on. */
export type TrainEvent =
  | ({ event: "start" } & About)
  | { event: "steps"; done: number; rows: number; loss: number }
  | EpochEvent
  | { event: "device_lost"; reason: string; step: number }
  | { event: "rolled_back"; reason: string; epoch: number; learning_rate: number }
  | Outcome;

/** Where a run stands after a part of it. */
export interface Progress {
  step: number;
  epoch: number;
  done: boolean;
  events: TrainEvent[];
  /** Of the steps since the last call, as far as they are among the first 32,768 of the run. */
  losses: number[];
}

/**
 * A prediction: of a class, with a probability for each class, or a score where the loss leaves no probabilities; of several
 * labels, with the probability of each; or of values.
 */
export type Prediction =
  | { class: string; probabilities: number[] }
  | { class: string; scores: number[] }
  | { probabilities: number[] }
  | number[];

/**
 * Loads the engine, once: by default from beside the package, else from the address of the folder with its two parts and the
 * loop of matrix products, or from their bytes; without the loop, products round a multiply-add twice.
 */
export function load(source?: string | URL | [first: Uint8Array, second: Uint8Array, fused?: Uint8Array]): Promise<void>;
/** Trains by a recipe on data; returns the model's file and the run's last line. */
export function train(
  recipe: Recipe,
  data?: Data,
  onEvent?: (event: TrainEvent) => void,
): Promise<{ model: Uint8Array; outcome: Outcome; about: About }>;
/** Predicts rows with the content of a model's file. */
export function predict(model: Uint8Array, rows: Table | ArrayLike<number>[]): Promise<Prediction[]>;
/** Opens a run that goes on in parts. */
export function open(recipe: Recipe, files?: Record<string, Uint8Array>): Promise<Run>;
/** Runs on to the end, or until `goesOn()` says no; returns the seconds of training. */
export function drive(
  run: Run,
  options: { backend: string; onPart?: (progress: Progress) => void; goesOn?: () => boolean; turn?: number },
): Promise<number>;
/** Gives the event loop its turn. */
export function breathe(): Promise<void>;
/** The object that a TOML text describes. */
export function parseToml(text: string): Record<string, unknown>;
/** A recipe as JSON. */
export function recipeJson(recipe: Recipe): string;
/** An error in a text, with its line. */
export class TomlError extends Error {
  line: number;
}
