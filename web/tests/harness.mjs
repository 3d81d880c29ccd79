// What the tests share: a server of the built page, the browser, the program, and how outcomes are told.

import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { extname, join, resolve } from "node:path";
import { promisify } from "node:util";

const { chromium } = createRequire(`${process.env.NODE_PATH}/`)("playwright-core");

export const root = resolve(import.meta.dirname, "../..");
export const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");
export const site = join(root, "target/web");
export const program = resolve(process.env.ANYGRAD_PROGRAM ?? join(target, "debug/anygrad"));

/** Flags of a headless Chromium whose WebGPU runs on the SwiftShader of its own package. */
const WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];
const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };

/** What isolates a page, so that it may share memory with workers. */
const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

/** Serves a folder on a free port of this machine, its pages isolated or not. */
export async function serve(folder, isIsolated = true) {
  const headers = isIsolated ? ISOLATED : {};
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    try {
      const body = await readFile(join(folder, path.endsWith("/") ? `${path}index.html` : path));
      response.writeHead(200, { ...headers, "content-type": TYPES[extname(path) || ".html"] ?? "application/octet-stream" });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { address: `http://localhost:${server.address().port}`, close: () => server.close() };
}

/** A browser, with WebGPU or without. */
export function browser(hasWebGpu = true) {
  const args = ["--no-sandbox", ...(hasWebGpu ? WEBGPU : ["--disable-features=WebGPU", "--disable-gpu"])];
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
}

/** Runs the program; its lines of JSON. */
export async function anygrad(given, environment = {}) {
  const env = { ...process.env, ...environment };
  const { stdout } = await promisify(execFile)(program, given, { env, maxBuffer: 1 << 28 });
  return stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** The page with a recipe, once it has come to its end; what it says of the run. */
export async function trained(page, address, recipe, timeout = 300_000) {
  await page.goto(`${address}/?recipe=${encodeURIComponent(recipe)}&run=1`);
  const isOver = () => document.documentElement.dataset.weightsHash ?? document.documentElement.dataset.failure;
  await page.waitForFunction(isOver, null, { timeout });
  const data = await page.evaluate(() => ({ ...document.documentElement.dataset }));
  if (data.failure) throw new Error(`the page says: ${data.failure}`);
  return { ...data, outcome: JSON.parse(data.outcome), about: JSON.parse(data.about) };
}

export function equal(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: ${found}, not ${expected}`);
}

/** Runs tests in order and tells of each; whether all passed. */
export async function run(tests) {
  const wanted = process.argv.slice(2);
  let failed = 0;
  for (const [name, test] of Object.entries(tests)) {
    if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
    const begin = performance.now();
    try {
      const note = await test();
      console.log(`ok      ${name}${note ? `: ${note}` : ""} (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}: ${error.message}`);
    }
  }
  return failed === 0;
}
