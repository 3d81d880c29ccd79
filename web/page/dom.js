// Makes elements, and paints no more than a little in each frame.

/** An element with attributes, listeners (`onclick`) and children. */
export function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An element of a drawing. */
export function draw(tag, given = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const find = (id) => document.getElementById(id);

/** Milliseconds of a frame that painting may take. */
const SHARE = 4;
const waiting = new Map();
let isAsked = false;

/** Paints in one of the next frames; what is waiting under the same name is dropped. */
export function paint(name, work) {
  waiting.set(name, work);
  if (isAsked) return;
  isAsked = true;
  requestAnimationFrame(turn);
}

function turn() {
  const begin = performance.now();
  try {
    for (const [name, work] of waiting) {
      waiting.delete(name);
      work();
      if (performance.now() - begin > SHARE) break;
    }
  } finally {
    isAsked = waiting.size > 0;
    if (isAsked) requestAnimationFrame(turn);
  }
}

const repainters = new Set();
let palette = null;

const sizes = new WeakMap();

/** Calls when light turns to dark, or a picture gets another size. */
export function whenRepainted(element, work) {
  repainters.add(work);
  const observer = new ResizeObserver(([{ contentRect }]) => {
    const { fontSize, fontFamily } = getComputedStyle(element);
    sizes.set(element, { width: contentRect.width, height: contentRect.height, font: `${fontSize} ${fontFamily}` });
    paint(work, work);
  });
  observer.observe(element);
}

/** A picture's size as it was told of: asking for it would have the browser lay out the page anew. */
export function sizeOf(element) {
  return sizes.get(element) ?? { width: 0, height: 0 };
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  palette = null;
  for (const work of repainters) paint(work, work);
});

/** The page's colours as `[r, g, b]`: `paper`, `text`, `faint`, `grid`, `accent`, `minus` and the classes' in `series`. */
export function colors() {
  if (palette) return palette;
  const style = getComputedStyle(document.documentElement);
  const of = (name) => {
    const code = Number.parseInt(style.getPropertyValue(`--${name}`).trim().slice(1), 16);
    return [code >> 16, (code >> 8) & 255, code & 255];
  };
  palette = { series: Array.from({ length: 8 }, (_, i) => of(`c${i}`)) };
  for (const name of ["panel", "text", "faint", "grid", "accent", "minus"]) palette[name] = of(name);
  return palette;
}

export const css = ([r, g, b], opacity = 1) => `rgb(${r} ${g} ${b} / ${opacity})`;

/** A canvas's context that the processor draws: pictures this small, a few times a second, are not worth a way to the GPU. */
export function plain(canvas) {
  return canvas.getContext("2d", { willReadFrequently: true });
}

/** A canvas's context with its size in the page's pixels; cleared. */
export function surface(canvas) {
  const scale = Math.min(2, devicePixelRatio || 1);
  const { width, height, font } = sizeOf(canvas);
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = plain(canvas);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = font;
  return { context, width, height };
}

/** Gives a picture its text alternative. */
export function describe(element, text) {
  if (element.getAttribute("aria-label") !== text) element.setAttribute("aria-label", text);
}
