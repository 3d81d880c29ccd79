// Steps of one net beside those of jax-js and tfjs, in turns in one browser, and the first step of each in a fresh page:
// `scripts/web.sh bench`. Writes benches/results/DATE-browser.json. ROUNDS (7), EACH milliseconds a round (400) and
// BACKENDS (webgpu,wasm,wasm-threads) can be set. Threads, which ours and jax-js have, take a page that its server isolates.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, release } from "node:os";
import { join } from "node:path";
import { browser, root, serve, site } from "../tests/harness.mjs";

const NETS = [
  [[784, 128, 10], 64],
  [[784, 512, 256, 10], 128],
];
const LIBRARIES = ["anygrad", "jax-js", "tfjs"];
const rounds = Number(process.env.ROUNDS ?? 7);
const each = Number(process.env.EACH ?? 400);
const backends = (process.env.BACKENDS ?? "webgpu,wasm,wasm-threads").split(",");

const folder = mkdtempSync(join(tmpdir(), "anygrad-bench-"));
symlinkSync(site, join(folder, "site"));
symlinkSync(process.env.NODE_PATH, join(folder, "modules"));
symlinkSync(join(root, "web/bench/page.js"), join(folder, "page.js"));
writeFileSync(join(folder, "index.html"), '<!doctype html><meta charset="utf-8"><script type="module" src="page.js"></script>');
const servers = { alone: await serve(folder, false), isolated: await serve(folder, true) };
const median = (samples) => samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)];
const chrome = await browser();
const fresh = async (isIsolated) => {
  const page = await chrome.newPage();
  page.setDefaultTimeout(0);
  await page.goto((isIsolated ? servers.isolated : servers.alone).address);
  await page.waitForFunction(() => window.rounds);
  return page;
};

const results = [];
for (const name of backends) {
  const isIsolated = name === "wasm-threads";
  const backend = isIsolated ? "wasm" : name;
  for (const [widths, batch] of NETS) {
    const net = `${widths.join("-")}@${batch}`;
    const first = Object.fromEntries(LIBRARIES.map((library) => [library, []]));
    for (let round = 0; round < 5; round += 1) {
      for (const library of LIBRARIES) {
        const page = await fresh(isIsolated);
        first[library].push(await page.evaluate((given) => window.firstStep(...given), [library, widths, batch, backend]));
        await page.close();
      }
    }
    const page = await fresh(isIsolated);
    const given = [LIBRARIES, widths, batch, backend, rounds, each];
    const { samples, devices } = await page.evaluate((given) => window.rounds(...given), given);
    await page.close();
    for (const library of LIBRARIES) {
      const [step, start] = [median(samples[library]), median(first[library])];
      const line = { backend: name, net, library, device: devices[library], ms_per_step: step, first_step_ms: start };
      line.of_ours = step / median(samples.anygrad);
      results.push({ ...line, samples: samples[library], first_samples: first[library] });
      console.log(`${name.padEnd(12)} ${net.padEnd(19)} ${library.padEnd(8)} ${step.toFixed(3)} ms per step, first ${start.toFixed(0)} ms, ours take ${(1 / line.of_ours).toFixed(2)} of it`);
    }
  }
}
const versions = JSON.parse(readFileSync(join(root, "web/bench/package.json"), "utf8")).dependencies;
const commit = execFileSync("git", ["describe", "--always", "--dirty"], { cwd: root, encoding: "utf8" }).trim();
const date = new Date().toISOString().slice(0, 10);
const about = { date, commit, browser: chrome.version(), machine: `${cpus().length} × ${cpus()[0].model}, Linux ${release()}`, versions };
const file = process.env.OUT ?? join(root, `benches/results/${date}-browser.json`);
writeFileSync(file, `${JSON.stringify({ ...about, results }, null, 1)}\n`);
console.log(file);
await chrome.close();
for (const server of Object.values(servers)) server.close();
