// The page's settings in its address: the recipe, the pace, and whether to train at once.

import { START } from "./recipe.js";

/** What is said about how fast to go on: epochs a second, or "full". */
export const PACES = new Map([
  ["full", "full speed"],
  ["20", "20 epochs a second"],
  ["5", "5 epochs a second"],
  ["1", "1 epoch a second"],
]);

/** The settings that the address has. Where it has none, the page begins with a net to watch. */
export function settings() {
  const given = new URLSearchParams(location.search);
  const recipe = given.get("recipe");
  const pace = PACES.has(given.get("pace")) ? given.get("pace") : recipe === null ? "20" : "full";
  return { recipe: recipe ?? START, pace, isRun: given.get("run") === "1" };
}

/** The address of these settings; with `isRun` its page trains at once. */
export function link({ recipe, pace }, isRun = false) {
  const given = new URLSearchParams({ recipe });
  if (pace !== "full") given.set("pace", pace);
  if (isRun) given.set("run", "1");
  return `${location.origin}${location.pathname}?${given}`;
}

let asked = null;

/** Writes the settings into the address. Browsers allow so many changes a second, so it waits for a quiet moment. */
export function remember(given) {
  clearTimeout(asked);
  asked = setTimeout(() => history.replaceState(null, "", link(given)), 250);
}
