// Divides the compiled engine by what a run on built-in data calls: `node split.mjs WHOLE PKG`, where WHOLE has what bindgen made
// and PKG is the folder of the package, whose `engine` gets the two parts.

import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { functionNames, memoryFlags, renamed } from "./module.mjs";
import { profile } from "./profile.mjs";

const [whole, pkg] = process.argv.slice(2).map((path) => resolve(path));
const module = join(whole, "anygrad_bg.wasm");
const features = ["simd", "bulk-memory", "mutable-globals", "sign-ext", "nontrapping-float-to-int"];
const binaryen = (tool, ...given) => execFileSync(tool, [...features.map((name) => `--enable-${name}`), ...given]);
const wasmSplit = (...given) => binaryen("wasm-split", ...given);
/** What runs on WebGPU call, which Node lacks, by the paths of functions. */
const WEBGPU = /\b(anygrad::(backend|kernel|plan|ops::(product|gather)|train::feed)|wgpu|web_sys|js_sys|wasm_bindgen|futures_intrusive|parking_lot|hashbrown|dlmalloc)\b|__wbindgen/;
/** What multiplies on several threads, which Node has not. */
const THREADS = /^useHelp$|\banygrad(_web::fused::|::cpu::product::(fused::|pack::Operand>::has))/;
/** What compilers make of the standard library, one so and another otherwise. */
const STANDARD = /^[<&*([ ]*(mut )?(core|alloc|std|str|usize|u8|u32)\b/;
/** What reads a recipe. */
const RECIPE = /^<serde_json::de::Deserializer<serde_json::read::StrRead>>/;
/** Of these, what tables and models need. */
const ELSEWHERE = /^(?!<alloc::raw_vec|<serde_json::de::Deserializer<serde_json::read::StrRead>>).*(anygrad::(data|model|teach|optim)|anygrad_web::model|serde|safetensors|std::(io|path)|fmt::.*exponential)/;
/** The loops of products for engines that do not take those of web/fused: they load the second part before they train. */
const UNFUSED = /^anygrad::cpu::product::(simd128::(put::|sums|across|tile)|plain::)/;

/** Where the three modules' bytes say what kind of memory they take: it has a limit, and is not shared. */
function flags() {
  return ["bg", "second", "fused"].map((name) => {
    const bytes = readFileSync(join(pkg, `engine/anygrad_${name}.wasm`));
    const at = memoryFlags(bytes);
    if (bytes[at] !== 1) throw new Error(`anygrad_${name}.wasm: memory of kind ${bytes[at]}, where 1 was expected`);
    return at;
  });
}

/** The module and its JavaScript with short names for what they know of each other, which bindgen's are not. */
function shortened() {
  const names = new Map();
  const short = (name) => {
    if (!names.has(name)) names.set(name, `_${names.size.toString(36)}`);
    return names.get(name);
  };
  const isLong = (name) => /_[0-9a-f]{12,}|^__wbindgen/.test(name);
  const bytes = renamed(readFileSync(module), (_, name) => ["w", short(name)], (name) => (isLong(name) ? short(name) : name));
  const text = readFileSync(join(whole, "anygrad.js"), "utf8");
  const known = text.replaceAll(/\b\w+\b/g, (word) => names.get(word) ?? word);
  return [bytes, known.replaceAll('"./anygrad_bg.js"', '"w"')];
}

/**
 * The JavaScript of the engine, with places for the functions of its second part, and where its modules say what kind of memory they
 * take; what its declarations say is left out, and indentation.
 */
function glue(text, flags) {
  const parts = text.split("const imports = __wbg_get_imports();");
  if (parts.length !== 3) throw new Error("anygrad.js asks for its imports otherwise than known: see web/split/split.mjs");
  const withPlaces = "const imports = new Proxy(__wbg_get_imports(), { get: (own, name) => own[name] ?? placeholders });";
  const bare = shareable(parts.join(withPlaces)).replaceAll(/^\s*\/\*\*[\s\S]*?\*\/\n/gm, "").replaceAll(/^ +/gm, "");
  return `import { placeholders } from "../parts.js";\n${bare}export const FLAGS = ${JSON.stringify(flags)};\n`;
}

/**
 * The JavaScript of the engine as shared memory needs it: memory that has grown has another buffer while the old one stays, and
 * browsers neither decode nor encode text in it.
 */
function shareable(text) {
  const changes = [
    [/(cached\w+ArrayMemory0)\.byteLength === 0/g, "$1.buffer !== wasm.memory.buffer", 3],
    [/cachedTextDecoder\.decode\(bytes\)/g, "cachedTextDecoder.decode(bytes.slice())", 1],
    [/const ret = cachedTextEncoder\.encodeInto\(arg, view\);/g, "const ret = encodeInto(arg, view);", 1],
    [/if \(!\('encodeInto' in cachedTextEncoder\)\) \{\s*cachedTextEncoder\.encodeInto = (function [\s\S]*?\n {4}\});\s*\}/g, "const encodeInto = $1;", 1],
  ];
  for (const [from, to, times] of changes) {
    if ([...text.matchAll(from)].length !== times) throw new Error(`anygrad.js has ${from} not ${times} times: see web/split/split.mjs`);
    text = text.replaceAll(from, to);
  }
  return text;
}

const [renamedBytes, text] = shortened();
const short = join(whole, "short.wasm");
writeFileSync(short, renamedBytes);
// What makes the file smaller and leaves its loops alone.
binaryen("wasm-opt", short, "-g", "--duplicate-function-elimination", "--reorder-locals", "-o", short);
const bytes = readFileSync(short);
wasmSplit(short, "--instrument", "-o", join(whole, "instrumented.wasm"));
writeFileSync(join(pkg, "engine/anygrad.js"), glue(text, []));
copyFileSync(join(whole, "anygrad.d.ts"), join(pkg, "engine/anygrad.d.ts"));
const called = await profile(pkg, readFileSync(join(whole, "instrumented.wasm")));
const view = new DataView(called.buffer);
functionNames(bytes).forEach((full, index) => {
  // A crate's name is followed by its hash.
  const name = full?.replaceAll(/\[[0-9a-f]+\]/g, "") ?? "";
  if (UNFUSED.test(name)) view.setUint32(8 + 4 * index, 0, true);
  if ((WEBGPU.test(name) || THREADS.test(name) || STANDARD.test(name) || RECIPE.test(name)) && !ELSEWHERE.test(name)) view.setUint32(8 + 4 * index, 1, true);
});
writeFileSync(join(whole, "profile"), called);
const output = (name) => join(pkg, "engine", name);
wasmSplit(short, `--profile=${join(whole, "profile")}`, "-o1", output("anygrad_bg.wasm"), "-o2", output("anygrad_second.wasm"));
writeFileSync(join(pkg, "engine/anygrad.js"), glue(text, flags()));
process.exit(0);
