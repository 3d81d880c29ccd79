// How the tests use the page: opening it, waiting, and the same acts by keyboard and by pointer.

import { browser, equal, serve, site } from "./harness.mjs";

export const server = await serve(site);
export const chrome = await browser();

/** A page with a recipe, ready to be used. */
export async function opened(recipe, { size = [1280, 900], pace = "full", prepare, isDark = false } = {}) {
  const context = await chrome.newContext({
    viewport: { width: size[0], height: size[1] },
    colorScheme: isDark ? "dark" : "light",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.log(`        page: ${error.message}`));
  if (prepare) await page.addInitScript(prepare);
  const given = recipe === null ? "" : `?${new URLSearchParams({ recipe, pace })}`;
  await page.goto(`${server.address}/${given}`);
  await phase(page, "ready", "failed");
  return page;
}

export const phase = (page, ...wanted) =>
  page.waitForFunction((wanted) => wanted.includes(document.body.dataset.phase), wanted, { timeout: 120_000, polling: 50 });
export const text = (page, selector) => page.locator(selector).innerText();
export const label = (page, selector) => page.locator(selector).getAttribute("aria-label");
export const recipeOf = (page) => page.inputValue("#recipe");

/** Waits until something holds in the page. */
export async function until(what, check, timeout = 20_000) {
  const end = performance.now() + timeout;
  let found;
  while (performance.now() < end) {
    found = await check();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  throw new Error(`${what}: it did not come about`);
}

export const includes = (found, part, what) => {
  if (!found?.includes(part)) throw new Error(`${what}: “${found}” lacks “${part}”`);
};

/** Puts the focus on an element as people with a keyboard do. */
export async function tabTo(page, selector) {
  for (let presses = 0; presses < 90; presses += 1) {
    if (await page.evaluate((selector) => document.activeElement?.matches(selector), selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`no Tab comes to ${selector}`);
}

/** Does the same to a page by keyboard or by pointer. */
export const HANDS = {
  keyboard: {
    async press(page, selector) {
      await tabTo(page, selector);
      await page.keyboard.press("Enter");
    },
    async write(page, selector, value) {
      await tabTo(page, selector);
      await page.keyboard.press("Control+a");
      await page.keyboard.type(value);
      await page.keyboard.press("Tab");
    },
    async choose(page, selector, value) {
      await tabTo(page, selector);
      await page.keyboard.type(value.slice(0, 5));
      await page.keyboard.press("Tab");
    },
    async check(page, selector) {
      await tabTo(page, selector);
      await page.keyboard.press("Space");
    },
    async source(page, name) {
      await tabTo(page, "#sources input");
      for (let i = 0; i < 8; i += 1) {
        if (await page.isChecked(`#source-${name}`)) return;
        await page.keyboard.press("ArrowRight");
        await phase(page, "ready", "failed");
        await page.waitForTimeout(60);
      }
    },
    async tab(page, from, to) {
      await tabTo(page, from);
      await page.keyboard.press("ArrowRight");
      equal(await page.getAttribute(to, "aria-selected"), "true", "tab");
    },
  },
  pointer: {
    press: (page, selector) => page.click(selector),
    async write(page, selector, value) {
      await page.click(selector, { clickCount: 3 });
      await page.keyboard.type(value);
      await page.keyboard.press("Tab");
    },
    choose: (page, selector, value) => page.selectOption(selector, { label: value }),
    check: (page, selector) => page.click(selector),
    source: (page, name) => page.click(`label:has(#source-${name})`),
    tab: (page, from, to) => page.click(to),
  },
};

/** Milliseconds between the frames of a while, the shortest first. */
export const frames = (page, ms) =>
  page.evaluate(
    (ms) =>
      new Promise((resolve) => {
        const times = [];
        const begin = performance.now();
        let last = begin;
        const turn = (now) => {
          times.push(now - last);
          last = now;
          if (now - begin < ms) requestAnimationFrame(turn);
          else resolve(times.slice(2).sort((a, b) => a - b));
        };
        requestAnimationFrame(turn);
      }),
    ms,
  );
