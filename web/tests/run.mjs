// Drives the built page in a browser, and the package in Node, beside the program: `scripts/web.sh test`. Arguments are parts
// of the names of the tests to run.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { ofStep, tensors } from "./bound.mjs";
import { anygrad, browser, equal, root, run, serve, site, trained } from "./harness.mjs";

const SWIFTSHADER = process.env.SWIFTSHADER_ICD ?? "/usr/lib/chromium/vk_swiftshader_icd.json";
const folder = mkdtempSync(join(tmpdir(), "anygrad-web-"));
const server = await serve(site);
/** The same pages as from a server that does not isolate them: they have one thread. */
const plain = await serve(site, false);
const chrome = await browser();
const page = await chrome.newPage();
page.on("pageerror", (error) => console.log(`        page: ${error.message}`));

const native = (given, device) => {
  const environment = device === "gpu" ? { VK_DRIVER_FILES: SWIFTSHADER } : {};
  const out = join(folder, `run-${Math.random().toString(36).slice(2)}`);
  return anygrad(["train", ...given, "--device", device, "--format", "json", "--out", out], environment);
};

/** The runs of one recipe on the processor and on WebGPU, step by step from the same state; the largest share of the bound. */
async function lockstep(recipe, scale, steps) {
  await page.goto(server.address);
  const { losses, models, rows } = await page.evaluate(
    async ([recipe, steps]) => {
      const { Engine } = await import("/engine.js");
      const [cpu, gpu] = [new Engine(), new Engine()];
      const about = await gpu.call("open", `device = "gpu"\n${recipe}`, {});
      if (about.backend !== "webgpu") throw new Error(`no WebGPU but ${about.device}`);
      await cpu.call("open", `device = "cpu"\n${recipe}`, {});
      const [losses, models] = [[], []];
      for (let step = 0; step < steps; step += 1) {
        models.push(Array.from(await cpu.call("model")));
        await gpu.call("restore", await cpu.call("snapshot"));
        const [a, b] = [await cpu.call("step", 1), await gpu.call("step", 1)];
        losses.push([a.losses.at(-1), b.losses.at(-1)]);
      }
      return { losses, models, rows: Array.from((await cpu.call("rows", "train")).features) };
    },
    [recipe, steps],
  );
  const pixels = Float32Array.from(rows, (pixel) => pixel / 16);
  let share = 0;
  losses.forEach(([own, other], step) => {
    const bound = ofStep(tensors(Uint8Array.from(models[step])), pixels, 64, scale, 64);
    share = Math.max(share, Math.abs(own - other) / bound);
    if (!(Math.abs(own - other) <= bound)) throw new Error(`step ${step}: ${own} and ${other}, bound ${bound}`);
  });
  return `at most ${share.toExponential(1)} of the bound`;
}

const passed = await run({
  "what a page loads before it trains keeps its size": () => {
    const { first_gzipped, javascript_gzipped, limit, second_gzipped } = JSON.parse(readFileSync(join(site, "size.json"), "utf8"));
    const size = first_gzipped + javascript_gzipped;
    if (size > limit) throw new Error(`${size} bytes gzipped, at most ${limit}`);
    return `${size} bytes gzipped; the second part has ${second_gzipped}`;
  },
  "built-in data train by the first part of the engine alone, and a table asks for the second": async () => {
    const context = await chrome.newContext();
    const alone = await context.newPage();
    await context.route("**/anygrad_second.wasm", (route) => route.abort());
    const hashes = [];
    await alone.goto(server.address);
    const start = await alone.evaluate(async () => (await import("/recipe.js")).START.replace("200", "20"));
    for (const recipe of [start, "", 'device = "cpu"', '[data]\nsource = "spiral"', 'device = "cpu"\n[data]\nsource = "moons"']) {
      hashes.push((await trained(alone, server.address, recipe)).weightsHash);
    }
    const table = await alone.evaluate(() => window.engine.call("open", '[data]\nsource = "a.csv"', { "a.csv": new Uint8Array(9) }).then(() => "trains", String));
    if (!table.includes("anygrad_second.wasm")) throw new Error(`a table without the second part: ${table}`);
    await context.close();
    return hashes.join(" ");
  },
  "initial values are those of the program": async () => {
    const lines = await native(["--epochs", "0"], "cpu");
    const { initialHash } = await trained(page, server.address, "[train]\nepochs = 0");
    equal(initialHash, lines.at(-1).weights_hash, "initial hash");
    return initialHash;
  },
  "the digits' run in the browser's WebGPU ends with the program's bits on the same SwiftShader": async () => {
    const lines = await native([], "gpu");
    const { outcome, about } = await trained(page, server.address, "");
    equal(about.backend, "webgpu", "backend");
    equal(outcome.weights_hash, lines.at(-1).weights_hash, "hash");
    equal(outcome.test_accuracy, lines.at(-1).test_accuracy, "accuracy");
    return `${outcome.weights_hash}, ${outcome.steps} steps on ${about.device}`;
  },
  "on the processor it ends with the program's bits, too, where multiply-adds are rounded once": async () => {
    const lines = await native([], "cpu");
    const { outcome } = await trained(page, server.address, 'device = "cpu"');
    equal(outcome.weights_hash, lines.at(-1).weights_hash, "hash, in a browser with relaxed SIMD on a processor with FMA");
    return outcome.weights_hash;
  },
  "threads multiply together where the page is isolated, and the bits are those of one": async () => {
    const layers = (...widths) => widths.map((width) => `[[layers]]\nlinear = ${width}\n[[layers]]\nactivation = "relu"\n`).join("");
    const recipes = [
      // Stripes and tiles that are not whole, more terms than one chain has, batches whose last one is short.
      `[train]\nepochs = 2\nbatch_size = 61\n${layers(1101, 131)}[[layers]]\nlinear = 10\n`,
      `[train]\nepochs = 2\nbatch_size = 200\n${layers(300, 1029, 77)}[[layers]]\nlinear = 10\n[optimizer]\nkind = "sgd"\nlearning_rate = 0.05\nmomentum = 0.9\n`,
      `[train]\nepochs = 3\nbatch_size = 7\n${layers(900, 514)}[[layers]]\nlinear = 10\n[optimizer]\nkind = "sgd"\nlearning_rate = 0.01\n[regularization]\nl2 = 0.001\n`,
    ];
    const hashes = [];
    const isolated = page;
    const context = await chrome.newContext({ serviceWorkers: "block" });
    const alone = await context.newPage();
    for (const recipe of recipes) {
      const file = join(folder, "threads.toml");
      writeFileSync(file, recipe);
      const expected = (await native([file], "cpu")).at(-1).weights_hash;
      for (const [page, address, threads] of [[isolated, server.address, Math.min(16, cpus().length)], [alone, plain.address, 1]]) {
        const { outcome, about } = await trained(page, address, `device = "cpu"\n${recipe}`);
        equal(about.threads, threads, "threads");
        equal(outcome.weights_hash, expected, `hash with ${threads} threads`);
      }
      hashes.push(expected);
    }
    await context.close();
    return hashes.join(" ");
  },
  "a page that its server does not isolate isolates itself where the processor trains, and no other page": async () => {
    const copy = join(folder, "site");
    cpSync(site, copy, { recursive: true });
    const server = await serve(copy, false);
    const context = await chrome.newContext();
    const page = await context.newPage();
    const expected = (await native(["--epochs", "3"], "cpu")).at(-1).weights_hash;
    const { outcome, about } = await trained(page, server.address, 'device = "cpu"\n[train]\nepochs = 3');
    equal(about.threads, Math.min(16, cpus().length), "threads");
    equal(outcome.weights_hash, expected, "hash");
    const isIsolated = async (path) => {
      await page.goto(server.address + path);
      return page.evaluate(() => crossOriginIsolated);
    };
    for (const [path, isOwn] of [["/size.json", false], ["/index.html", true], ["/", true]]) {
      equal(await isIsolated(path), isOwn, `isolation of ${path}`);
    }
    // Another site at the address is left alone.
    rmSync(join(copy, "isolation.js"));
    equal(await isIsolated("/"), false, "isolation without the service worker's file");
    equal(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length), 0, "service workers that stay");
    await context.close();
    server.close();
    return `${about.threads} threads`;
  },
  "a browser without relaxed SIMD trains with two roundings, and reproducible runs with one": async () => {
    const context = await chrome.newContext();
    // A module that no engine takes.
    await context.route("**/anygrad_fused.wasm", (route) => route.fulfill({ body: "none", contentType: "application/wasm" }));
    const without = await context.newPage();
    const once = (await native(["--reproducible", "--epochs", "3"], "cpu")).at(-1);
    const twice = await trained(without, server.address, 'device = "cpu"\n[train]\nepochs = 3');
    const reproducible = await trained(without, server.address, 'device = "cpu"\nreproducible = true\n[train]\nepochs = 3');
    await context.close();
    equal(reproducible.outcome.weights_hash, once.weights_hash, "hash of the reproducible run");
    if (twice.outcome.weights_hash === once.weights_hash) throw new Error("the loop is there after all");
    return `${twice.outcome.weights_hash}, ${once.weights_hash}`;
  },
  "the loop of products has no memory and no data of its own, and a stack of no bytes": () => {
    const bytes = readFileSync(join(site, "anygrad/engine/anygrad_fused.wasm"));
    const found = new Map();
    let at = 8;
    const number = () => {
      let [value, shift] = [0, 0];
      for (;;) {
        const byte = bytes[at++];
        value |= (byte & 127) << shift;
        shift += 7;
        if (byte < 128) return value;
      }
    };
    while (at < bytes.length) {
      const [id, length] = [bytes[at++], number()];
      found.set(id, bytes.subarray(at, (at += length)));
    }
    const [MEMORY, GLOBALS, ELEMENTS, DATA] = [5, 6, 9, 11];
    for (const id of [MEMORY, ELEMENTS, DATA]) if (found.has(id)) throw new Error(`section ${id}`);
    // Each of its globals is an i32: type, mutability, i32.const, value, end. One that changes may be the stack's end: at 0 the
    // first use is a trap.
    at = bytes.indexOf(found.get(GLOBALS));
    for (let left = number(); left > 0; left -= 1) {
      const [type, changes, constant] = [bytes[at++], bytes[at++], bytes[at++]];
      if (type !== 0x7f || constant !== 0x41 || (number() !== 0 && changes)) throw new Error("a stack");
      at += 1;
    }
  },
  "the first 100 losses on WebGPU are within the derived bound of the processor's": () => lockstep("", 1, 100),
  "row order and dropout masks on WebGPU are the processor's": () =>
    lockstep("[[layers]]\nlinear = 64\n[[layers]]\nactivation = 'relu'\n[[layers]]\ndropout = 0.5\n[[layers]]\nlinear = 10\n", 2, 25),
  "a lost device goes on to the same bits": async () => {
    await page.goto(server.address);
    const [whole, lost, events] = await page.evaluate(async () => {
      const { Engine } = await import("/engine.js");
      const recipe = 'device = "gpu"\n[train]\nepochs = 3';
      const end = (engine) =>
        new Promise((resolve, reject) => {
          engine.addEventListener("done", ({ detail }) => resolve(detail.weights_hash));
          engine.addEventListener("failed", ({ detail }) => reject(new Error(detail)));
        });
      const [first, second, events] = [new Engine(), new Engine(), []];
      await first.call("open", recipe, {});
      await first.call("play");
      const whole = await end(first);
      await second.call("open", recipe, {});
      second.addEventListener("progress", ({ detail }) => events.push(...detail.events.map(({ event }) => event)));
      await second.call("step", 20);
      await second.call("keep");
      await second.call("step", 20);
      await second.call("loseDevice");
      await second.call("play");
      return [whole, await end(second), events];
    });
    equal(lost, whole, "hash");
    if (!events.includes("device_lost")) throw new Error("no event says that the device was lost");
  },
  "without WebGPU the processor trains, and the page says so": async () => {
    const plain = await browser(false);
    try {
      const { outcome, about } = await trained(await plain.newPage(), server.address, "");
      equal(about.backend, "cpu", "backend");
      equal(outcome.weights_hash, (await trained(page, server.address, 'device = "cpu"')).outcome.weights_hash, "hash");
      return about.reason;
    } finally {
      await plain.close();
    }
  },
  "a model trained in the page evaluates in the program to the page's figures": async () => {
    const { outcome } = await trained(page, server.address, 'device = "cpu"\n[train]\nepochs = 5');
    const path = join(folder, "page.safetensors");
    writeFileSync(path, Uint8Array.from(await page.evaluate(async () => Array.from(await window.engine.call("model")))));
    const given = ["eval", path, "--data", "digits", "--part", "test", "--device", "cpu", "--format", "json"];
    const found = (await anygrad(given)).at(-1);
    equal(found.accuracy, outcome.test_accuracy, "accuracy");
    if (Math.abs(found.loss - outcome.test_loss) > 1e-6 * found.loss) throw new Error(`loss ${found.loss}, ${outcome.test_loss}`);
    return `accuracy ${found.accuracy}, loss ${found.loss}`;
  },
  "a model of the program predicts in the page as in the program, and trains on there": async () => {
    const out = join(folder, "native");
    const lines = await anygrad(["train", "--epochs", "3", "--device", "cpu", "--out", out, "--format", "json"]);
    const model = Array.from(readFileSync(join(out, "last.safetensors")));
    const given = ["predict", join(out, "last.safetensors"), "--data", "digits", "--format", "json"];
    const expected = (await anygrad([...given, "--device", "cpu"])).map((row) => row.predicted ?? row.class ?? row.digit);
    await page.goto(server.address);
    const [hash, goesOn, predicted] = await page.evaluate(async (model) => {
      const bytes = Uint8Array.from(model);
      const about = await window.engine.call("describeModel", bytes);
      const recipe = 'device = "cpu"\nfrom = "native.safetensors"\n[train]\nepochs = 0';
      await window.engine.call("open", recipe, { "native.safetensors": bytes });
      const hash = await window.engine.call("hash");
      await window.engine.call("open", 'device = "cpu"\n[data]\ntest_fraction = 0', {});
      const rows = (await window.engine.call("rows", "train")).features;
      const predicted = await window.engine.call("predict", bytes, rows);
      return [about.weights_hash, hash, predicted.map((row) => row.class)];
    }, model);
    equal(hash, lines.at(-1).weights_hash, "hash");
    equal(goesOn, hash, "hash of the run that goes on");
    equal(predicted.join(" "), expected.join(" "), "classes");
  },
  "classes, scores, labels and values are predicted as by the program": async () => {
    const table = join(folder, "kinds.csv");
    const rows = Array.from({ length: 80 }, (_, i) => {
      const [a, b] = [i % 9, (i * i) % 13];
      return [a, b, a > 4 ? "high" : "low", a > 3 ? 1 : 0, b > 6 ? 1 : 0, 3 * a - b].join(",");
    });
    writeFileSync(table, `a,b,kind,left,right,size\n${rows.join("\n")}\n`);
    const kinds = {
      class: ["--target", "kind", "--drop", "left,right,size"],
      score: ["--target", "kind", "--drop", "left,right,size", "--loss", "hinge"],
      labels: ["--target", "left,right", "--task", "labels", "--drop", "kind,size"],
      value: ["--target", "size", "--drop", "kind,left,right"],
    };
    await page.goto(server.address);
    for (const [kind, given] of Object.entries(kinds)) {
      const out = join(folder, `kind-${kind}`);
      await anygrad(["train", table, ...given, "--epochs", "5", "--device", "cpu", "--out", out, "--format", "json"]);
      const model = join(out, "last.safetensors");
      const lines = await anygrad(["predict", model, "--data", table, "--device", "cpu", "--format", "json"]);
      const found = await page.evaluate(
        async ([model, text]) => (await import("/anygrad/index.js")).predict(Uint8Array.from(model), text),
        [Array.from(readFileSync(model)), readFileSync(table, "utf8")],
      );
      equal(found.length, lines.length, `${kind}: rows`);
      lines.forEach((line, row) => {
        const own = found[row];
        if (kind === "class" || kind === "score") equal(own.class, line.class, `${kind}, row ${row}`);
        const expected = Object.values(line.probabilities ?? line.scores ?? (kind === "labels" ? line : { size: line.size }));
        const numbers = own.probabilities ?? own.scores ?? own;
        equal(Object.hasOwn(own, "scores"), kind === "score", `${kind}: scores`);
        numbers.forEach((x, i) => {
          if (!(Math.abs(x - expected[i]) <= 1e-5 * (1 + Math.abs(x)))) throw new Error(`${kind}, row ${row}: ${x}, ${expected[i]}`);
        });
      });
    }
    return Object.keys(kinds).join(", ");
  },
  "an exported page computes by this engine, as the program does": async () => {
    const table = join(folder, "mixed.csv");
    const isles = ["Dream", "Biscoe, south", "Torgersen"];
    const lines = Array.from({ length: 90 }, (_, i) => {
      const size = i % 11 === 0 ? "" : String(170.5 + ((i * 37) % 60));
      return [isles[i % 3].includes(",") ? `"${isles[i % 3]}"` : isles[i % 3], size, i % 2 ? "yes" : "no", `2021-0${1 + (i % 9)}-1${i % 7}`, (i * 37) % 60 > 30 ? "big" : "small"].join(",");
    });
    writeFileSync(table, `isle,size,ringed,seen,kind\n${lines.join("\n")}\n`);
    const kinds = { mixed: [table], labels: [join(folder, "kinds.csv"), "--target", "left,right", "--task", "labels", "--drop", "kind,size"], digits: ["digits"] };
    const context = await chrome.newContext();
    const asked = [];
    context.on("request", (request) => !/^(file|data|blob):/.test(request.url()) && asked.push(request.url()));
    for (const [kind, given] of Object.entries(kinds)) {
      const out = join(folder, `html-${kind}`);
      await anygrad(["train", ...given, "--epochs", "20", "--device", "cpu", "--out", out, "--format", "json"]);
      const model = join(out, "last.safetensors");
      const said = [];
      for (const engine of [[], ["--engine", join(site, "anygrad")]]) {
        const file = join(folder, `${kind}-${engine.length}.html`);
        await anygrad(["export", model, "--to", "html", ...engine, "--out", file, "--format", "json"]);
        const own = await context.newPage();
        own.on("pageerror", (error) => console.log(`        page: ${error.message}`));
        await own.goto(`file://${file}`);
        if (kind === "digits") {
          const { x, y, width } = await own.locator("canvas").first().boundingBox();
          await own.mouse.move(x + width / 2, y + width / 8);
          await own.mouse.down();
          await own.mouse.move(x + width / 2, y + (7 * width) / 8, { steps: 9 });
          await own.mouse.up();
        }
        await own.waitForFunction(() => document.querySelector("#bars").childElementCount > 0);
        const texts = [await own.innerText("#label"), await own.innerText("#bars")];
        if (kind !== "digits") {
          await own.setInputFiles("#file", given[0]);
          await own.waitForFunction(() => document.querySelector("#table td"));
          texts.push(await own.innerText("#said"), await own.innerText("#table"));
        }
        equal(await own.innerText("#error"), "", `${kind}: error`);
        said.push(texts.join("\n"));
        await own.close();
      }
      // The page's own arithmetic has 64 bits, the engine's 32: the last of five digits may differ.
      const [cells, others] = said.map((text) => text.split(/\s+/));
      equal(others.length, cells.length, `${kind}: words`);
      cells.forEach((cell, i) => {
        const isNear = Math.abs(Number(cell) - Number(others[i])) <= 1e-4 * (1 + Math.abs(Number(cell)));
        if (cell !== others[i] && !isNear) throw new Error(`${kind}: ${others[i]}, not ${cell}`);
      });
    }
    equal(asked.join(" "), "", "requests");
    await context.close();
    return Object.keys(kinds).join(", ");
  },
  "tables are understood as the program understands them": async () => {
    const inputs = process.env.ANYGRAD_CASES ?? join(root, "../shared/cases/inputs");
    if (!existsSync(inputs)) return "SKIPPED, there are no cases";
    await page.goto(server.address);
    const names = readdirSync(inputs).filter((name) => /\.(csv|tsv|txt|data)(\.gz)?$/.test(name));
    let compared = 0;
    for (const name of names) {
      const path = join(inputs, name);
      const bytes = readFileSync(path);
      if (bytes.length > 4 << 20) continue;
      const said = (error) => error.stderr.trim().split("\n").at(-1).replace(/^error: /, "").replaceAll(path, name);
      const own = await native([path, "--epochs", "0"], "cpu").then((lines) => lines.at(-1).weights_hash, said);
      const found = await page.evaluate(
        async ([name, bytes]) => {
          try {
            await window.engine.call("open", `device = "cpu"\n[data]\nsource = "${name}"\n[train]\nepochs = 0`, {
              [name]: Uint8Array.from(bytes),
            });
            return await window.engine.call("hash");
          } catch (error) {
            return error.message;
          }
        },
        [name, Array.from(bytes)],
      );
      equal(found, own, name);
      compared += 1;
    }
    return `${compared} tables`;
  },
  "npm packs the package clean, and the README's example runs": () => {
    const packed = JSON.parse(execFileSync("npm", ["pack", "--json", "--pack-destination", folder], { cwd: join(root, "web/pkg") }));
    const files = packed[0].files.map(({ path }) => path).sort();
    const expected = ["README.md", "engine/anygrad.d.ts", "engine/anygrad.js", "engine/anygrad_bg.wasm", "engine/anygrad_fused.wasm", "engine/anygrad_second.wasm", "engine/digits.csv.gz", "helper.js", "index.d.ts", "index.js", "package.json", "parts.js", "toml.js"];
    equal(files.join(" "), expected.join(" "), "files");
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    execFileSync("npm", ["install", "--silent", "--no-audit", "--no-fund", join(folder, packed[0].filename)], { cwd: folder });
    const readme = readFileSync(join(root, "web/pkg/README.md"), "utf8");
    writeFileSync(join(folder, "example.js"), readme.split("```js\n")[1].split("```")[0]);
    const said = execFileSync("node", ["example.js"], { cwd: folder, encoding: "utf8" });
    if (!said.includes("class: 'left'")) throw new Error(`it says ${said}`);
    return said.split("\n").find((line) => line.split(" ").length === 2 && line.length > 18);
  },
});
await chrome.close();
server.close();
plain.close();
process.exit(passed ? 0 : 1);
