// Reads TOML 1.0 as far as recipes use it: everything but dates and numbers that are none.

/** An error in a text, with its line. */
export class TomlError extends Error {
  constructor(line, reason) {
    super(`recipe:${line}: ${reason}; see docs/keys.md for the keys of a recipe`);
    this.name = "TomlError";
    this.line = line;
  }
}

/**
 * The object that a TOML text describes. Whole numbers beyond what JavaScript counts exactly are BigInts.
 * @param {string} text
 * @returns {object}
 */
export function parse(text) {
  const reader = new Reader(text);
  const root = {};
  // Tables that a header has made, and arrays of tables: those may not be made twice, these go on.
  const made = new Set();
  const lists = new WeakSet();
  let table = root;
  for (reader.skipLines(); !reader.isAtEnd(); reader.skipLines()) {
    if (reader.take("[")) {
      const isList = reader.take("[");
      const path = reader.keys();
      reader.expect(isList ? "]]" : "]");
      const parent = path.slice(0, -1).reduce((at, key) => reader.within(at, key, lists), root);
      const last = path[path.length - 1];
      if (isList) {
        const list = Object.hasOwn(parent, last) ? parent[last] : [];
        if (!Array.isArray(list) || (list.length > 0 && !lists.has(list))) reader.fail(`\`${last}\` is no list of tables`);
        lists.add(list);
        define(parent, last, list);
        table = {};
        list.push(table);
      } else {
        table = reader.within(parent, last, lists);
        if (made.has(table)) reader.fail(`the table \`${path.join(".")}\` stands here twice`);
        made.add(table);
      }
    } else {
      reader.pair(table);
    }
    reader.endLine();
  }
  return root;
}

/**
 * The same recipe as JSON, which the engine reads.
 * @param {string | object} recipe TOML, JSON, or an object.
 * @returns {string}
 */
export function recipeJson(recipe) {
  if (typeof recipe === "string" && recipe.trimStart().startsWith("{")) return recipe;
  const value = typeof recipe === "string" ? parse(recipe) : recipe;
  return json(value);
}

function json(value) {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map(json).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${json(member)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

/** Sets a key whatever its name, `__proto__` too. */
function define(table, key, value) {
  Object.defineProperty(table, key, { value, writable: true, enumerable: true, configurable: true });
}

const ESCAPES = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r", '"': '"', "\\": "\\" };

class Reader {
  constructor(text) {
    this.text = text.replace(/\r\n/g, "\n");
    this.at = 0;
  }

  fail(reason) {
    throw new TomlError(this.text.slice(0, this.at).split("\n").length, reason);
  }

  isAtEnd() {
    return this.at >= this.text.length;
  }

  peek() {
    return this.text[this.at];
  }

  take(word) {
    const found = this.text.startsWith(word, this.at);
    if (found) this.at += word.length;
    return found;
  }

  expect(word) {
    this.skipBlanks();
    if (!this.take(word)) this.fail(`\`${word}\` is missing`);
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found;
  }

  skipBlanks() {
    this.match(/[ \t]*/y);
  }

  /** Skips blanks, comments and ends of lines. */
  skipLines() {
    this.match(/(?:[ \t\n]|#[^\n]*)*/y);
  }

  endLine() {
    this.match(/[ \t]*(?:#[^\n]*)?/y);
    if (!this.isAtEnd() && !this.take("\n")) this.fail("there is more on the line than a key and its value");
  }

  /** Keys with dots between them. */
  keys() {
    const keys = [];
    do {
      this.skipBlanks();
      const quoted = this.peek() === '"' || this.peek() === "'";
      const bare = quoted ? null : this.match(/[A-Za-z0-9_-]+/y);
      if (!quoted && !bare) this.fail("a key is missing");
      keys.push(quoted ? this.string() : bare[0]);
      this.skipBlanks();
    } while (this.take("."));
    return keys;
  }

  /** The table of a name within another, made if it is not there; of a list of tables the last. */
  within(table, key, lists) {
    if (!Object.hasOwn(table, key)) define(table, key, {});
    const found = table[key];
    if (Array.isArray(found) && lists?.has(found)) return found[found.length - 1];
    if (found === null || typeof found !== "object" || Array.isArray(found)) this.fail(`\`${key}\` is no table`);
    return found;
  }

  pair(table) {
    const keys = this.keys();
    this.expect("=");
    const last = keys.pop();
    const parent = keys.reduce((at, key) => this.within(at, key), table);
    if (Object.hasOwn(parent, last)) this.fail(`the key \`${last}\` stands here twice`);
    define(parent, last, this.value());
  }

  value() {
    this.skipBlanks();
    const first = this.peek();
    if (first === '"' || first === "'") return this.string();
    if (this.take("[")) return this.list();
    if (this.take("{")) return this.inline();
    const word = this.match(/[^\s,\]}#]+/y)?.[0] ?? this.fail("a value is missing");
    if (word === "true" || word === "false") return word === "true";
    return this.number(word);
  }

  number(word) {
    const plain = word.replace(/(?<=[0-9A-Fa-f])_(?=[0-9A-Fa-f])/g, "");
    if (/^[+-]?(?:0|[1-9][0-9]*)$/.test(plain) || /^0(?:x[0-9A-Fa-f]+|o[0-7]+|b[01]+)$/.test(plain)) {
      const whole = BigInt(plain.replace(/^\+/, "").replace(/^-/, "")) * (plain.startsWith("-") ? -1n : 1n);
      return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
    }
    if (/^[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/.test(plain)) return Number(plain);
    return this.fail(`\`${word}\` is no value: text stands in quotes`);
  }

  list() {
    const values = [];
    for (this.skipLines(); !this.take("]"); this.skipLines()) {
      if (this.isAtEnd()) this.fail("`]` is missing");
      values.push(this.value());
      this.skipLines();
      if (!this.take(",") && this.peek() !== "]") this.fail("`,` or `]` is missing");
    }
    return values;
  }

  inline() {
    const table = {};
    this.skipBlanks();
    if (this.take("}")) return table;
    do {
      this.skipBlanks();
      this.pair(table);
      this.skipBlanks();
    } while (this.take(","));
    this.expect("}");
    return table;
  }

  string() {
    const quote = this.peek();
    const isLong = this.take(quote.repeat(3));
    if (!isLong) this.at += 1;
    if (isLong) this.take("\n");
    let text = "";
    for (;;) {
      if (this.isAtEnd() || (!isLong && this.peek() === "\n")) this.fail("a quote is not closed");
      if (this.take(isLong ? quote.repeat(3) : quote)) {
        // A long text may end in one or two quotes of its own.
        while (isLong && this.peek() === quote) {
          this.at += 1;
          text += quote;
        }
        return text;
      }
      const character = this.text[this.at++];
      text += character === "\\" && quote === '"' ? this.escape(isLong) : character;
    }
  }

  escape(isLong) {
    if (isLong && this.match(/[ \t]*\n[ \t\n]*/y)) return "";
    const code = this.match(/u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})/y);
    if (code) {
      const number = Number.parseInt(code[1] ?? code[2], 16);
      if (number > 0x10ffff || (number >= 0xd800 && number < 0xe000)) this.fail("no such character");
      return String.fromCodePoint(number);
    }
    return ESCAPES[this.text[this.at++]] ?? this.fail("no such escape");
  }
}
