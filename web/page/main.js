// The page: ties the recipe, the run, the controls and the pictures together.

import { PACES, link, remember, settings } from "./address.js";
import { Controls } from "./controls.js";
import { Confusion } from "./confusion.js";
import { Curves } from "./curves.js";
import { Mistakes, Pad } from "./digits.js";
import { find, make, paint, whenRepainted } from "./dom.js";
import { chooser, copy, dropped, save } from "./files.js";
import { isolate } from "./isolate.js";
import { Looking } from "./looking.js";
import { Models } from "./models.js";
import { Network, place } from "./network.js";
import { Boundary, Warped } from "./planes.js";
import { Weights } from "./weights.js";
import { Readout, adapter, standing } from "./readout.js";
import { get, layersOf, hiddenOf, parse, write } from "./recipe.js";
import { Session } from "./session.js";

const start = settings();
const found = await adapter();
// The processor is quicker with threads.
if (!found || /^\s*device\s*=\s*"cpu"/m.test(start.recipe)) await isolate();
const session = new Session(Boolean(found));
// For tests and for people who look.
Object.assign(window, { session, engine: session.engine });
const files = {};
const looking = new Looking(session);
const readout = new Readout();
const recipe = find("recipe");
let note = "";
let shown = null;
let due = 0;

const controls = new Controls(change, () => find("table").click());
const models = new Models(session, files, (text) => take(text), (error) => say(error, true));
const curves = [new Curves(find("loss"), "loss"), new Curves(find("accuracy"), "accuracy")];
const confusion = new Confusion(find("confusion"));
const boundary = new Boundary(find("boundary"));
const warped = new Warped(find("warped"));
const network = new Network(find("network"), (row) => {
  looking.row = row;
  looking.want(true);
});
const pad = new Pad(find("pad"), (row) => {
  looking.own = row;
  looking.want(true);
});
const weights = new Weights(find("units"));
const mistakes = new Mistakes(find("mistakes"), pad);
whenRepainted(find("mistakes"), () => mistakes.refresh());

/** Says something once; `isFailure` for what went wrong. */
function say(text, isFailure = false) {
  note = isFailure ? note : text;
  const box = find("failure");
  box.hidden = !isFailure;
  if (isFailure) box.textContent = text;
  else show();
}

/** What the page shows of the run at any time. */
function show() {
  const { phase, failure, kept } = session;
  const isBusy = phase === "opening";
  const button = find("train");
  button.textContent = phase === "running" ? "Pause" : phase === "paused" ? "Go on" : phase === "done" ? "Train anew" : "Train";
  for (const id of ["train", "step", "epoch", "reset"]) find(id).toggleAttribute("data-busy", isBusy);
  find("save-model").disabled = !session.about;
  if (phase === "failed" && failure) say(failure, true);
  else if (phase !== shown) find("failure").hidden = true;
  shown = phase;
  const text = [note, standing(session)].filter(Boolean).join(" ");
  if (find("note").textContent !== text) find("note").textContent = text;
  find("undo").hidden = !kept;
  find("pictures").hidden = find("decisions").hidden = !session.about;
  readout.show(session, found);
  for (const curve of curves) curve.show(session);
}

/** Changes the recipe by a control. Where other data need other outputs, the engine says how many. */
async function change(edit, needsOutputs) {
  let next;
  try {
    next = parse(recipe.value);
  } catch (error) {
    return say(`The controls cannot change a recipe with an error: ${error.message}`, true);
  }
  edit(next);
  const hidden = hiddenOf(next);
  if (needsOutputs && next.layers && hidden) {
    try {
      const { layers, ...rest } = next;
      const about = await session.probe(write({ ...rest, device: "cpu" }), files);
      next.layers = layersOf(hidden, about.widths.at(-1));
    } catch {
      // Opening the run says what is wrong.
    }
  }
  return take(write(next));
}

/** Takes a recipe as the page's own, and opens its run to look at. */
async function take(text) {
  recipe.value = text;
  note = "";
  remember({ recipe: text, pace: session.pace });
  let parsed;
  try {
    parsed = parse(text);
  } catch (error) {
    wrong(error.message);
    return;
  }
  wrong(null);
  controls.show(parsed, null);
  const about = await session.look(text, files);
  if (about) controls.show(parsed, about);
}

function wrong(reason) {
  const box = find("recipe-error");
  box.hidden = !reason;
  box.textContent = reason ?? "";
  recipe.setAttribute("aria-invalid", String(Boolean(reason)));
}

let typing = null;
recipe.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => take(recipe.value), 500);
});

/** Files that were dropped or chosen: recipes and models are taken as such, everything else is a table. */
async function receive(given) {
  const tables = given.filter(({ name }) => !/\.(toml|safetensors)$/i.test(name));
  for (const { name, bytes } of tables) files[name] = bytes;
  const toml = given.find(({ name }) => /\.toml$/i.test(name));
  const model = given.find(({ name }) => /\.safetensors$/i.test(name));
  if (model) await models.open(model);
  if (toml) await take(new TextDecoder().decode(toml.bytes));
  else if (tables.length > 0 && !model) {
    // Further tables may be what the recipe names already: rows to test with.
    const parsed = parsedOr({});
    const isNamed = tables.every(({ name }) => [get(parsed, "data.source"), get(parsed, "data.test_data"), get(parsed, "data.validation_data")].includes(name));
    if (isNamed) await take(recipe.value);
    else controls.choose(tables[0].name);
  }
}

function parsedOr(other) {
  try {
    return parse(recipe.value);
  } catch {
    return other;
  }
}

/** The recipe as it stands, at once. */
async function settled() {
  if (typing === null) return;
  clearTimeout(typing);
  typing = null;
}

session.addEventListener("changed", () => {
  document.body.dataset.phase = session.phase;
  // Figures change faster than anyone reads; where a run stands is said at once.
  if (session.phase === shown && performance.now() < due) return;
  due = performance.now() + 300;
  paint("show", show);
});
session.addEventListener("moved", () => looking.want(["done", "paused"].includes(session.phase)));
session.addEventListener("opened", ({ detail: about }) => {
  decided(about);
  const isDigits = about.features.length === 64 && (about.recipe.data?.source ?? "digits") === "digits";
  const isPlane = about.features.length === 2;
  find("pad").hidden = find("mistakes").hidden = !isDigits;
  find("boundary").hidden = !isPlane;
  find("accuracy").hidden = !about.classes;
  find("warped").hidden = !isPlane;
  const isNet = place(about);
  find("units").hidden = !isDigits || about.layers[0].linear === undefined || !looking.isSmall(about);
  find("pictures").dataset.kind = isDigits ? "digits" : isPlane ? "plane" : "table";
  find("pictures").classList.toggle("narrow", !isNet && find("units").hidden);
  looking.own = isDigits && pad.isEmpty === false ? pad.row : null;
  looking.open(about).catch((error) => say(error.message, true));
  models.opened(about);
});
session.addEventListener("told", ({ detail: event }) => {
  if (event.event === "device_lost") say(`The device was lost (${event.reason}); the run went on from its last snapshot, at step ${event.step}.`);
  if (event.event === "rolled_back") say(`The loss was no number (${event.reason}): back to epoch ${event.epoch}, with the rate ${event.learning_rate}.`);
});
looking.addEventListener("blind", ({ detail }) => session.phase !== "failed" && say(`The pictures stand still: ${detail}`, true));
looking.addEventListener("seen", ({ detail: seen }) => {
  const { layout, about } = seen;
  find("confusion").hidden = !(seen.confusion || (layout.held?.values && about.widths.at(-1) >= 1));
  if (!find("confusion").hidden) confusion.show(seen);
  if (layout.grid && seen.outputs) boundary.show(seen);
  find("warped").hidden = !(layout.grid && layout.hidden);
  if (!find("warped").hidden) warped.show(seen);
  if (!find("network").hidden) network.show(seen);
  if (!find("pad").hidden) {
    pad.show(seen);
    mistakes.show(seen, session.phase !== "running");
    weights.show(seen);
  }
});

/** What was decided about the data, line by line. */
function decided({ rows, decisions, data }) {
  const held = [["validation", rows.validation], ["test", rows.test]].filter(([, n]) => n > 0).map(([name, n]) => ` and ${n} ${name}`);
  const lines = [...decisions.map(decision), ["data", `${data}, ${rows.train} training${held.join("")} rows`]];
  find("decisions").replaceChildren(make("dl", {}, ...lines.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)])));
}

function decision(line) {
  const [, name, text] = /^(\S+)\s+([^]*)$/.exec(line) ?? [null, "", line];
  return [name, text];
}

find("train").addEventListener("click", () => {
  if (session.phase === "opening") return;
  note = "";
  if (session.phase === "running") session.pause();
  else settled().then(() => session.train());
});
find("step").addEventListener("click", () => session.phase !== "opening" && session.forward(1));
find("epoch").addEventListener("click", () => session.phase !== "opening" && session.about && session.forward(session.stepsOfEpoch));
find("reset").addEventListener("click", () => session.phase !== "opening" && take(recipe.value));
find("undo").addEventListener("click", async () => {
  const kept = await session.takeBack();
  if (!kept) return;
  recipe.value = kept.text;
  wrong(null);
  remember({ recipe: kept.text, pace: session.pace });
  controls.show(parse(kept.text), session.about);
  find("train").focus();
});
find("pace").append(...Array.from(PACES, ([value, text]) => make("option", { value }, text)));
find("pace").value = session.pace = start.pace;
find("pace").addEventListener("change", ({ target }) => {
  session.setPace(target.value);
  remember({ recipe: recipe.value, pace: target.value });
});
const copied = async (text, what) => say((await copy(text)) ? `${what} copied.` : `The browser did not let the page copy. ${what}: ${text}`);
find("link").addEventListener("click", () => copied(link({ recipe: recipe.value, pace: session.pace }, find("link-runs").checked), "Link"));
find("copy-recipe").addEventListener("click", () => copied(recipe.value, "Recipe"));
find("save-recipe").addEventListener("click", () => save("recipe.toml", recipe.value, "application/toml"));
chooser("open-recipe", "recipe-file", receive);
chooser("open-table", "table", receive);
chooser("open-model", "model-file", receive);
dropped(receive);

const tabs = [find("tab-controls"), find("tab-recipe")];
function open(chosen) {
  for (const tab of tabs) {
    tab.setAttribute("aria-selected", String(tab === chosen));
    tab.tabIndex = tab === chosen ? 0 : -1;
    find(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
  }
}
for (const tab of tabs) {
  tab.addEventListener("click", () => open(tab));
  tab.addEventListener("keydown", ({ key }) => {
    if (key !== "ArrowLeft" && key !== "ArrowRight") return;
    const other = tabs[1 - tabs.indexOf(tab)];
    open(other);
    other.focus();
  });
}

await take(start.recipe);
document.documentElement.dataset.ready = "true";
if (start.isRun && !find("recipe-error").textContent) session.train();
