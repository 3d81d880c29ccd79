// The page: takes a recipe from its address, trains, and writes down what happens.

import { Engine } from "./engine.js";

const find = (id) => document.getElementById(id);
const say = (text) => (find("state").textContent = text);
const settings = new URLSearchParams(location.search);
const engine = new Engine();
// For tests and for people who look.
window.engine = engine;
const files = {};

find("recipe").value = settings.get("recipe") ?? "";

engine.addEventListener("progress", ({ detail }) => {
  say(`step ${detail.step}, epoch ${detail.epoch}`);
  for (const event of detail.events) if (event.event !== "steps") find("log").textContent += `${JSON.stringify(event)}\n`;
});
engine.addEventListener("done", ({ detail }) => {
  find("log").textContent += `${JSON.stringify(detail)}\n`;
  document.documentElement.dataset.weightsHash = detail.weights_hash;
  document.documentElement.dataset.outcome = JSON.stringify(detail);
  say(`done on ${detail.device}: ${detail.weights_hash}`);
});
engine.addEventListener("failed", ({ detail }) => failed(detail));

function failed(reason) {
  document.documentElement.dataset.failure = reason;
  say(reason);
}

async function train() {
  for (const name of ["weightsHash", "outcome", "failure"]) delete document.documentElement.dataset[name];
  try {
    const about = await engine.call("open", find("recipe").value, files);
    document.documentElement.dataset.about = JSON.stringify(about);
    document.documentElement.dataset.initialHash = await engine.call("hash");
    say(`${about.device}: ${about.reason}`);
    await engine.call("play");
  } catch (error) {
    failed(error.message);
  }
}

find("table").addEventListener("change", async ({ target }) => {
  for (const file of target.files) files[file.name] = new Uint8Array(await file.arrayBuffer());
});
find("train").addEventListener("click", train);
find("pause").addEventListener("click", () => engine.call("pause"));
document.documentElement.dataset.ready = "true";
if (settings.get("run") === "1") train();
