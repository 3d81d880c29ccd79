// The pictures of the page in docs/, taken anew: `scripts/web.sh pictures`.

import { join } from "node:path";
import { root } from "./harness.mjs";
import { chrome, opened, phase, server } from "./page-hands.mjs";

/** What the page begins with: a spiral. */
const SPIRAL = null;
const DIGITS = `seed = 0

[data]
source = "digits"

[regularization]
l2 = 0.001

[train]
epochs = 60
`;
/** What is drawn: a three, in parts of the field's size. */
const THREE = [[0.3, 0.12], [0.6, 0.1], [0.68, 0.25], [0.6, 0.42], [0.48, 0.48], [0.62, 0.56], [0.7, 0.7], [0.6, 0.88], [0.3, 0.88]];

async function draw(page) {
  const box = await page.locator("canvas.pad").boundingBox();
  const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...at(THREE[0]));
  await page.mouse.down();
  for (const point of THREE.slice(1)) await page.mouse.move(...at(point), { steps: 6 });
  await page.mouse.up();
}

for (const [name, size, recipe] of [
  ["wide", [1920, 1080], SPIRAL],
  ["tablet", [1024, 1366], DIGITS],
  ["phone", [390, 844], SPIRAL],
]) {
  for (const isDark of [false, true]) {
    const page = await opened(recipe, { size, isDark });
    await page.click("#train");
    await phase(page, "done");
    if (recipe === DIGITS) await draw(page);
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.mouse.move(0, 0);
    await page.waitForTimeout(1500);
    await page.screenshot({ path: join(root, `docs/tab-${name}-${isDark ? "dark" : "light"}.png`) });
    await page.context().close();
  }
}
await chrome.close();
server.close();
