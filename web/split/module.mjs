// Modules of WebAssembly in bytes: their sections, where they say what kind of memory they take, and the names of what goes in
// and out.

const [IMPORTS, MEMORY, EXPORTS] = [2, 5, 7];

/** Reads bytes from a place on. */
class Reader {
  constructor(bytes, at = 0) {
    Object.assign(this, { bytes, at });
  }
  byte() {
    return this.bytes[this.at++];
  }
  number() {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = this.byte();
      value |= (byte & 127) << shift;
      shift += 7;
      if (byte < 128) return value;
    }
  }
  text() {
    const length = this.number();
    return new TextDecoder().decode(this.bytes.subarray(this.at, (this.at += length)));
  }
  /** The bytes of what comes in or goes out, from its kind on; of an import its type, of memory and tables with limits. */
  imported() {
    const begin = this.at;
    const kind = this.byte();
    if (kind === 0) this.number();
    else if (kind === 3) this.at += 2;
    else {
      if (kind === 1) this.at += 1;
      const hasMaximum = this.byte() & 1;
      this.number();
      if (hasMaximum) this.number();
    }
    return this.bytes.subarray(begin, this.at);
  }
  exported() {
    const begin = this.at;
    this.byte();
    this.number();
    return this.bytes.subarray(begin, this.at);
  }
}

/** The sections of a module: `{ id, begin, end }`. */
function* sections(bytes) {
  const reader = new Reader(bytes, 8);
  while (reader.at < bytes.length) {
    const id = reader.byte();
    const length = reader.number();
    yield { id, begin: reader.at, end: (reader.at += length) };
  }
}

/** Where a module's flags of memory stand, be it imported or its own. */
export function memoryFlags(bytes) {
  for (const { id, begin } of sections(bytes)) {
    const reader = new Reader(bytes, begin);
    if (id === MEMORY) return begin + 1;
    for (let left = id === IMPORTS ? reader.number() : 0; left > 0; left -= 1) {
      reader.text();
      reader.text();
      const at = reader.at;
      if (reader.imported()[0] === 2) return at + 1;
    }
  }
  throw new Error("a module without memory");
}

/** The names of a module's own functions, in their order. */
export function functionNames(bytes) {
  const module = new WebAssembly.Module(bytes);
  const reader = new Reader(new Uint8Array(WebAssembly.Module.customSections(module, "name")[0]));
  const found = [];
  while (reader.at < reader.bytes.length) {
    const [kind, length] = [reader.byte(), reader.number()];
    const end = reader.at + length;
    for (let left = kind === 1 ? reader.number() : 0; left > 0; left -= 1) found[reader.number()] = reader.text();
    reader.at = end;
  }
  return found.slice(WebAssembly.Module.imports(module).filter(({ kind }) => kind === "function").length);
}

/** The module with other names for what comes in, and what goes out: `given(module, name)` and `taken(name)` say which. */
export function renamed(bytes, given, taken) {
  const parts = [bytes.subarray(0, 8)];
  for (const { id, begin, end } of sections(bytes)) {
    const reader = new Reader(bytes, begin);
    const content = [];
    if (id === IMPORTS) {
      const count = reader.number();
      content.push(encoded(count));
      for (let left = count; left > 0; left -= 1) {
        for (const name of given(reader.text(), reader.text())) content.push(encodedText(name));
        content.push(reader.imported());
      }
    } else if (id === EXPORTS) {
      const count = reader.number();
      content.push(encoded(count));
      for (let left = count; left > 0; left -= 1) content.push(encodedText(taken(reader.text())), reader.exported());
    } else content.push(bytes.subarray(begin, end));
    parts.push(Uint8Array.of(id), encoded(content.reduce((sum, { length }) => sum + length, 0)), ...content);
  }
  return Buffer.concat(parts);
}

function encoded(number) {
  const bytes = [];
  for (; number > 127; number >>>= 7) bytes.push((number & 127) | 128);
  return Uint8Array.of(...bytes, number);
}

function encodedText(text) {
  const bytes = new TextEncoder().encode(text);
  return Buffer.concat([encoded(bytes.length), bytes]);
}
