// Trains in a tab for so many minutes (an argument, 60) and tells the memory that it takes each minute: `scripts/web.sh endure`.
// Fails if the last third takes more than the third before it by a twentieth. BACKEND is cpu or webgpu.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { browser, serve, site } from "./harness.mjs";

const minutes = Number(process.argv[2] ?? 60);
const backend = process.env.BACKEND ?? "cpu";
const server = await serve(site);
const chrome = await browser();
const page = await chrome.newPage();
const recipe = `device = "${backend === "cpu" ? "cpu" : "gpu"}"\n[train]\nepochs = 100000000`;
await page.goto(`${server.address}/?recipe=${encodeURIComponent(recipe)}&run=1`);
const session = await page.context().newCDPSession(page);

/** Megabytes of the processes of this browser that hold pages or talk to the device, by kind. */
function resident() {
  const lines = execFileSync("ps", ["-eo", "pid,ppid,rss,args"], { encoding: "utf8" }).split("\n").map((line) => line.trim().split(/\s+/));
  const family = new Set([String(process.pid)]);
  for (let before = 0; before < family.size; ) {
    before = family.size;
    for (const [pid, parent] of lines) if (family.has(parent)) family.add(pid);
  }
  const own = lines.filter(([pid]) => family.has(pid));
  const sum = (kind) => own.filter((words) => words.includes(`--type=${kind}`)).reduce((all, [, , rss]) => all + rss / 1024, 0);
  return { renderer: sum("renderer"), gpu: sum("gpu-process") };
}

const samples = [];
for (let minute = 0; minute <= minutes; minute += 1) {
  await session.send("HeapProfiler.collectGarbage");
  const state = await page.evaluate(() => ({ step: window.session?.step, heap: performance.memory?.usedJSHeapSize / 2 ** 20, failure: document.documentElement.dataset.failure }));
  if (state.failure) throw new Error(state.failure);
  samples.push({ minute, ...state, ...resident() });
  console.log(JSON.stringify(samples.at(-1)));
  if (minute < minutes) await page.waitForTimeout(60_000);
}
const third = Math.floor(samples.length / 3);
const mean = (from, name) => samples.slice(from, from + third).reduce((all, one) => all + one[name], 0) / third;
let isFlat = true;
for (const name of ["heap", "renderer", "gpu"]) {
  const [before, after] = [mean(samples.length - 2 * third, name), mean(samples.length - third, name)];
  isFlat &&= after <= 1.05 * before;
  console.log(`${name}: ${before.toFixed(1)} MB, then ${after.toFixed(1)} MB`);
}
if (process.env.OUT) writeFileSync(process.env.OUT, `${JSON.stringify({ backend, minutes, browser: chrome.version(), samples }, null, 1)}\n`);
await chrome.close();
server.close();
process.exit(isFlat ? 0 : 1);
