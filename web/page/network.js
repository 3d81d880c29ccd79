// A small net as a graph: units with what one row makes of them, edges with weights, and the formula of what is pointed at.

import { draw, describe, find, make, paint, sizeOf, whenRepainted } from "./dom.js";
import { show } from "./numbers.js";

/** Units in a column and edges that are drawn at most. */
const [MOST_UNITS, MOST_EDGES] = [16, 420];
const UP = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const DOWN = "₀₁₂₃₄₅₆₇₈₉";
const digits = (number, set) => [...String(number)].map((digit) => set[digit]).join("");
const layerName = (n) => `⁽${digits(n, UP)}⁾`;
const below = (n) => digits(n, DOWN);
const signed = (value) => `${value < 0 ? "−" : "+"} ${show(Math.abs(value), 3)}`;

/** A number as short as a unit has room for. */
const brief = (value, isShare) => (Math.abs(value) >= 1000 ? show(value, 2) : value.toFixed(Math.abs(value) >= 10 ? 0 : isShare ? 2 : 1).replace(/^-/, "−"));

/** A name as short as there is room for; of a category what tells it from the others. */
function short(name) {
  const end = name.includes("=") ? name.slice(name.indexOf("=") + 1) : name;
  return end.length > 9 ? `${end.slice(0, 8)}…` : end;
}

/** Whether a net is small enough to draw. */
export function isDrawable({ layers, widths }) {
  const columns = [widths[0], ...layers.flatMap((layer, i) => (layer.linear === undefined ? [] : [widths[i + 1]]))];
  const edges = columns.slice(1).reduce((sum, width, i) => sum + width * columns[i], 0);
  const isPlain = layers.every((layer) => "linear" in layer || "activation" in layer || "dropout" in layer);
  return isPlain && columns.every((width) => width <= MOST_UNITS) && edges <= MOST_EDGES && columns.length <= 7;
}

export class Network {
  constructor(figure, onRow) {
    this.figure = figure;
    this.picture = draw("svg", { class: "picture square net", role: "group" });
    this.words = make("output", { class: "formula", for: "net-row" });
    this.row = make("input", { type: "number", id: "net-row", min: "0", value: "0", inputmode: "numeric" });
    this.row.addEventListener("input", () => this.row.validity.valid && this.row.value !== "" && onRow(Number(this.row.value)));
    const rows = make("label", { class: "check" }, "training row ", this.row);
    figure.querySelector("figcaption").append(rows);
    figure.append(this.picture, this.words);
    this.chosen = { column: 1, unit: 0 };
    this.picture.addEventListener("keydown", (event) => this.#press(event));
    whenRepainted(this.picture, () => this.seen && this.#draw());
  }

  show(seen) {
    if (!seen.explained) return;
    if (this.about !== seen.about) {
      this.about = seen.about;
      this.row.max = seen.about.rows.train - 1;
      this.row.value = 0;
      this.chosen = { column: 1, unit: 0 };
      this.built = null;
    }
    this.seen = seen;
    paint(this, () => this.#draw());
  }

  /** The columns of units from the formulas' values. */
  #read() {
    const { steps } = this.seen.explained;
    const values = new Map();
    const formulas = new Map();
    for (const step of steps) {
      for (const { symbol, values: numbers } of step.values) if (!values.has(symbol)) values.set(symbol, numbers);
      const left = step.formula.split(" = ")[0];
      if (!formulas.has(left)) formulas.set(left, step.formula);
    }
    const columns = [{ outputs: values.get("x"), symbol: "x", layer: 0 }];
    const count = this.about.layers.filter((layer) => "linear" in layer).length;
    for (let n = 1; n <= count; n += 1) {
      const of = (symbol) => values.get(`${symbol}${layerName(n)}`);
      const [weights, biases, z, a] = [of("W"), of("b"), of("z"), of("a")];
      columns.push({
        weights, biases, z, a, layer: n, outputs: a ?? z, symbol: a ? "a" : "z",
        rule: formulas.get(`a${layerName(n)}`), delta: of("δ"), slopes: of("∂L/∂W") ?? of("∂J/∂W"), goal: of("∂L/∂W") ? "L" : "J", dropped: of("ã"),
      });
    }
    const last = columns.at(-1);
    last.shares = values.get("p");
    return { columns, loss: values.get("L")?.[0] };
  }

  #draw() {
    const { width, height } = sizeOf(this.picture);
    if (!width || !height) return;
    const { columns, loss } = this.#read();
    this.columns = columns;
    const key = `${width} ${height} ${columns.map(({ outputs }) => outputs.length)}`;
    if (this.built !== key) this.#build(columns, width, height);
    this.built = key;
    const most = Math.max(1e-9, ...columns.flatMap(({ weights }) => weights?.map(Math.abs) ?? []));
    for (const { line, column, from, to } of this.edges) {
      const { weights } = columns[column];
      const weight = weights[to * columns[column - 1].outputs.length + from];
      line.style.strokeWidth = (0.4 + 5 * (Math.abs(weight) / most)).toFixed(2);
      line.style.strokeOpacity = (0.2 + 0.7 * (Math.abs(weight) / most)).toFixed(2);
      line.setAttribute("class", weight < 0 ? "edge minus" : "edge");
    }
    const target = this.seen.explained.steps[0].formula.split(", ").slice(1).join(", ");
    columns.forEach((column, c) => {
      const { outputs } = column;
      const largest = Math.max(1e-9, ...Array.from(outputs, Math.abs));
      outputs.forEach((value, unit) => {
        const { circle, text, group } = this.units[c][unit];
        const shown = column.shares && column.shares.length === outputs.length ? column.shares[unit] : value;
        const strength = Math.min(1, Math.abs(shown) / (column.shares ? 1 : largest));
        circle.style.fillOpacity = (0.08 + 0.9 * strength).toFixed(2);
        circle.setAttribute("class", shown < 0 ? "unit minus" : "unit");
        text?.classList.toggle("strong", strength > 0.6);
        const label = brief(shown, Boolean(column.shares));
        if (text && text.textContent !== label) text.textContent = label;
        describe(group, `${this.#name(c, unit)} = ${show(value)}${column.shares ? `, probability ${show(shown, 3)}` : ""}`);
      });
    });
    const { at, about } = this.seen;
    describe(
      this.picture,
      `The net ${about.model} on training row ${this.row.value}, ${target}, after ${at.epoch} epochs: loss ${show(loss)}. Arrow keys go from unit to unit.`,
    );
    this.#choose();
  }

  #name(column, unit) {
    const { symbol, layer } = this.columns[column];
    if (column === 0) return `x${below(unit + 1)}, ${this.about.features[unit]}`;
    const isLast = column === this.columns.length - 1;
    const name = `${symbol}${layerName(layer)}${below(unit + 1)}`;
    return isLast && this.about.classes?.length === this.columns[column].outputs.length ? `${name}, class ${this.about.classes[unit]}` : name;
  }

  #build(columns, width, height) {
    const most = Math.max(...columns.map(({ outputs }) => outputs.length));
    const radius = Math.max(7, Math.min(22, (height - 40) / most / 2.5, width / columns.length / 4));
    const labels = 26;
    const classes = this.about.classes?.length === columns.at(-1).outputs.length ? this.about.classes : this.about.target;
    const room = (names) => 14 + 8.6 * Math.max(...names.map((name) => short(name).length));
    const [left, right] = [room(this.about.features), room(classes)];
    const x = (c) => radius + left + ((width - 2 * radius - left - right) * c) / Math.max(1, columns.length - 1);
    const y = (c, unit) => {
      const count = columns[c].outputs.length;
      const gap = Math.min(2.9 * radius, (height - labels - 2 * radius - 6) / Math.max(1, most - 1));
      return labels + (height - labels) / 2 + gap * (unit - (count - 1) / 2);
    };
    const hadFocus = this.picture.contains(document.activeElement);
    this.edges = [];
    const lines = draw("g", {});
    columns.forEach(({ outputs }, column) => {
      if (column === 0) return;
      for (let to = 0; to < outputs.length; to += 1) {
        for (let from = 0; from < columns[column - 1].outputs.length; from += 1) {
          const ends = { x1: x(column - 1), y1: y(column - 1, from), x2: x(column), y2: y(column, to) };
          const line = draw("line", { ...ends, class: "edge" });
          const wide = draw("line", { ...ends, class: "edge-target" });
          wide.addEventListener("pointerenter", () => this.#point({ column, unit: to, from }));
          this.edges.push({ line, column, from, to });
          lines.append(line, wide);
        }
      }
    });
    this.units = columns.map(({ outputs }, column) =>
      Array.from(outputs, (_, unit) => {
        const circle = draw("circle", { cx: x(column), cy: y(column, unit), r: radius, class: "unit" });
        const text = radius >= 13 ? draw("text", { x: x(column), y: y(column, unit), class: "value center middle" }) : null;
        const ring = draw("circle", { cx: x(column), cy: y(column, unit), r: radius + 3, class: "ring" });
        const ground = draw("circle", { cx: x(column), cy: y(column, unit), r: radius, class: "ground" });
        const group = draw("g", { role: "img", tabindex: "-1", class: "node" }, ring, ground, circle, ...(text ? [text] : []));
        group.addEventListener("pointerenter", () => this.#point({ column, unit }));
        group.addEventListener("click", () => this.#point({ column, unit }, true));
        group.addEventListener("focus", () => this.#point({ column, unit }));
        return { circle, text, group };
      }),
    );
    const names = columns.map(({ symbol, layer }, c) =>
      draw("text", { x: x(c), y: 15, class: "mark center" }, c === 0 ? "x" : `${symbol}${layerName(layer)}`),
    );
    const sides = [];
    columns[0].outputs.forEach((_, unit) =>
      sides.push(draw("text", { x: x(0) - radius - 7, y: y(0, unit), class: "mark end middle" }, short(this.about.features[unit]))),
    );
    const last = columns.length - 1;
    columns[last].outputs.forEach((_, unit) =>
      sides.push(draw("text", { x: x(last) + radius + 8, y: y(last, unit), class: "mark middle" }, short(classes[unit] ?? ""))),
    );
    this.picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.picture.replaceChildren(lines, ...names, ...sides, ...this.units.flat().map(({ group }) => group));
    if (this.chosen.column >= columns.length || this.chosen.unit >= columns[this.chosen.column].outputs.length) this.chosen = { column: 1, unit: 0 };
    this.#mark();
    if (hadFocus) this.#group().focus();
  }

  #group() {
    return this.units[this.chosen.column][this.chosen.unit].group;
  }

  #mark() {
    for (const { group } of this.units.flat()) {
      group.setAttribute("tabindex", "-1");
      group.classList.remove("chosen");
    }
    this.#group().setAttribute("tabindex", "0");
    this.#group().classList.add("chosen");
  }

  #point(chosen, isFocus = false) {
    this.chosen = chosen;
    this.#mark();
    this.#choose();
    if (isFocus) this.#group().focus();
  }

  #press(event) {
    const [dc, du] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
    if (dc === undefined) return;
    event.preventDefault();
    const column = Math.max(0, Math.min(this.columns.length - 1, this.chosen.column + dc));
    const unit = Math.max(0, Math.min(this.columns[column].outputs.length - 1, this.chosen.unit + du));
    this.#point({ column, unit }, true);
  }

  /** The formula of the chosen unit or edge with its numbers. */
  #choose() {
    const { column, unit, from } = this.chosen;
    for (const edge of this.edges) edge.line.classList.toggle("lit", edge.column === column && edge.to === unit && (from === undefined || edge.from === from));
    const lines = from === undefined ? this.#ofUnit(column, unit) : this.#ofEdge(column, unit, from);
    this.words.replaceChildren(...lines.map((line) => make("span", {}, line)));
  }

  #ofUnit(c, unit) {
    const { columns } = this;
    if (c === 0) return [`${this.#name(0, unit)} = ${show(columns[0].outputs[unit])}`, "as it goes into the net: standardized as the recipe says"];
    const { weights, biases, z, a, layer, rule, delta, shares } = columns[c];
    const before = columns[c - 1];
    const count = before.outputs.length;
    const given = before.dropped ?? before.outputs;
    const terms = Array.from({ length: count }, (_, i) => [weights[unit * count + i], given[i]]);
    const shown = terms.length > 9 ? terms.slice(0, 8) : terms;
    const [n, u] = [layerName(layer), below(unit + 1)];
    const sum = shown.map(([w, x], i) => `${i ? signed(w) : show(w, 3)}·${x < 0 ? `(${show(x, 3)})` : show(x, 3)}`).join(" ");
    const rest = terms.length > shown.length ? ` + … (${terms.length - shown.length} more)` : "";
    const inputs = `${before.dropped ? "ã" : before.symbol}${before.layer ? layerName(before.layer) : ""}`;
    const lines = [
      `z${n}${u} = Σᵢ w${n}${u}ᵢ·${inputs}ᵢ + b${n}${u}`,
      `= ${sum}${rest} ${signed(biases[unit])} = ${show(z[unit])}`,
    ];
    if (a) lines.push(`a${n}${u} = ${rule?.split(" = ").slice(1).join(" = ").replaceAll(`z${n}`, `z${n}${u}`) ?? "f(z)"} = ${show(a[unit])}`);
    if (shares) lines.push(`p${u} = ${show(shares[unit] ?? shares[0])}`);
    if (delta) lines.push(`∂L/∂z${n}${u} = ${show(delta[unit])}`);
    return lines;
  }

  #ofEdge(c, to, from) {
    const { weights, slopes, goal, layer } = this.columns[c];
    const before = this.columns[c - 1];
    const count = before.outputs.length;
    const name = `w${layerName(layer)}${below(to + 1)},${below(from + 1)}`;
    const weight = weights[to * count + from];
    const value = (before.dropped ?? before.outputs)[from];
    const lines = [`${name} = ${show(weight)}`, `${name} · ${show(value)} = ${show(weight * value)}, its share of z${layerName(layer)}${below(to + 1)}`];
    if (slopes) lines.push(`∂${goal}/∂w = ${show(slopes[to * count + from])}`);
    return lines;
  }
}

/** Shows the figure of the net or says in a sentence why not. */
export function place(about) {
  const isShown = isDrawable(about);
  find("network").hidden = !isShown;
  return isShown;
}
