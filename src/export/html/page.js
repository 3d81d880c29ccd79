
// ---- The page: it needs columns, target, width and answersTo from above, and facts.

const at = (id) => document.getElementById(id);

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

const short = (x) => (Math.abs(x) >= 1e6 || (x !== 0 && Math.abs(x) < 1e-4) ? x.toExponential(3) : Number(x.toPrecision(5)).toString());

function bar(name, share, text) {
  const fill = make("div", { class: "fill" });
  fill.style.width = `${(100 * share).toFixed(1)}%`;
  return make("div", { class: "bar" }, make("span", { title: name }, name), make("div", { class: "track" }, fill), make("span", {}, text));
}

let asked = 0;

function showNothing() {
  asked++;
  for (const id of ["label", "error", "bars"]) at(id).textContent = "";
}

// Shows the answer for a row, or why there is none.
async function show(row) {
  const own = ++asked;
  try {
    const [answer] = await answersTo([row]);
    if (own !== asked) return;
    at("error").textContent = "";
    if (answer.values) {
      const lines = Object.entries(answer.values).map(([name, value]) => `${name} ${short(value)}`);
      at("label").textContent = lines.length === 1 ? lines[0] : "";
      at("bars").replaceChildren(...(lines.length === 1 ? [] : lines.map((line) => make("p", {}, line))));
      return;
    }
    at("label").textContent = answer.label === undefined ? "" : `${target.name}: ${answer.label}`;
    const numbers = Object.entries(answer.probabilities ?? answer.scores);
    const largest = Math.max(...numbers.map(([, x]) => Math.abs(x)), 1e-300);
    const shown = target.kind === "labels" ? numbers : [...numbers].sort((a, b) => b[1] - a[1]).slice(0, 12);
    at("bars").replaceChildren(...shown.map(([name, x]) => {
      return answer.probabilities ? bar(name, x, `${(100 * x).toFixed(2)} %`) : bar(name, Math.max(x, 0) / largest, short(x));
    }));
  } catch (error) {
    if (own !== asked) return;
    showNothing();
    at("error").textContent = error.message;
  }
}

// ---- A form with a field for each column.

function fieldOf(column) {
  if (column.kind === "category") {
    const options = column.levels.map((level, i) => make("option", { value: level, selected: i === column.fill }, level));
    if (column.others) options.push(make("option", { value: "\u0000" }, "another"));
    return make("select", {}, ...options, ...(refusesMissing ? [] : [make("option", { value: "" }, "missing")]));
  }
  if (column.kind === "yes_no") {
    const words = [["yes", column.fill], ["no", !column.fill]];
    const options = words.map(([word, selected]) => make("option", { value: word, selected }, word));
    return make("select", {}, ...options, ...(refusesMissing ? [] : [make("option", { value: "" }, "missing")]));
  }
  if (column.kind === "time") {
    const hasClock = ["hour", "minute", "second"].some((part) => column.parts.includes(part));
    return make("input", { type: "text", value: new Date(column.fill * 1000).toISOString().slice(0, hasClock ? 19 : 10).replace("T", " ") });
  }
  return make("input", { type: "text", inputmode: "decimal", value: column.offset === 0 ? short(column.fill) : String(column.fill) });
}

function formOfColumns() {
  const fields = columns.map((column, i) => {
    const field = fieldOf(column);
    field.id = `field-${i}`;
    return field;
  });
  at("form").append(make("p", { class: "soft" }, "A row. It begins with the mean, or the most frequent category; an empty field is a missing cell."));
  columns.forEach((column, i) => {
    at("form").append(make("div", { class: "field" }, make("label", { for: `field-${i}` }, column.name), fields[i]));
  });
  const update = () => show(Object.fromEntries(columns.map((column, i) => [column.name, fields[i].value])));
  at("form").addEventListener("input", update);
  update();
}

function formOfFeatures() {
  if (facts.side !== null) return drawing(facts.side);
  const fields = facts.features.map((name, i) => make("input", { type: "text", inputmode: "decimal", value: "0", id: `field-${i}` }));
  facts.features.forEach((name, i) => {
    at("form").append(make("div", { class: "field" }, make("label", { for: `field-${i}` }, name), fields[i]));
  });
  const update = () => show(fields.map((field) => (field.value.trim() === "" ? NaN : Number(field.value))));
  at("form").addEventListener("input", update);
  update();
}

// ---- A field to draw in, brought to the size and place of the pictures that the model was trained on.

function drawing(side) {
  const size = 320;
  const canvas = make("canvas", { width: size, height: size, role: "img", "aria-label": "Field to draw in" });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const seen = make("canvas", { width: side, height: side, role: "img", "aria-label": "What the model sees" });
  Object.assign(seen.style, { width: "6rem", cursor: "default" });
  const clear = make("button", { type: "button" }, "Clear");
  at("form").append(make("p", { class: "soft" }, "Draw with the mouse or a finger. Below: what the model sees."), canvas, make("p", {}, clear, " "), seen);
  const wipe = () => {
    context.fillStyle = "#000";
    context.fillRect(0, 0, size, size);
    seen.getContext("2d").clearRect(0, 0, side, side);
    showNothing();
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * size) / box.width, ((event.clientY - box.top) * size) / box.height];
  };
  let last = null;
  canvas.addEventListener("pointerdown", (event) => { last = place(event); canvas.setPointerCapture(event.pointerId); stroke(event); });
  canvas.addEventListener("pointermove", (event) => { if (last) stroke(event); });
  canvas.addEventListener("pointerup", () => { last = null; });
  const stroke = (event) => {
    const next = place(event);
    Object.assign(context, { strokeStyle: "#fff", lineWidth: size / 13, lineCap: "round", lineJoin: "round" });
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(next[0] + 0.01, next[1]);
    context.stroke();
    last = next;
    read();
  };
  // As MNIST was made: the figure scaled into the middle 20 of 28 parts, its center of mass in the middle. UCI's digits fill theirs.
  const read = () => {
    const pixels = context.getImageData(0, 0, size, size).data;
    let [left, top, right, bottom] = [size, size, -1, -1];
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        if (pixels[4 * (y * size + x)] > 40) [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
      }
    }
    if (right < 0) return;
    const span = Math.max(right - left, bottom - top) + 1;
    const share = side >= 20 ? 20 / 28 : 1;
    const fit = make("canvas", { width: side, height: side });
    const small = fit.getContext("2d", { willReadFrequently: true });
    Object.assign(small, { imageSmoothingEnabled: true, imageSmoothingQuality: "high", fillStyle: "#000" });
    const draw = (dx, dy) => {
      small.fillRect(0, 0, side, side);
      const scale = (side * share) / span;
      small.drawImage(canvas, 0, 0, size, size, side / 2 - scale * (left + right + 1) / 2 + dx, side / 2 - scale * (top + bottom + 1) / 2 + dy, size * scale, size * scale);
      return small.getImageData(0, 0, side, side).data;
    };
    let data = draw(0, 0);
    if (side >= 20) {
      let [mass, mx, my] = [0, 0, 0];
      for (let i = 0; i < side * side; i++) {
        mass += data[4 * i];
        mx += data[4 * i] * ((i % side) + 0.5);
        my += data[4 * i] * (Math.floor(i / side) + 0.5);
      }
      data = draw(Math.round(side / 2 - mx / mass), Math.round(side / 2 - my / mass));
    }
    seen.getContext("2d").drawImage(fit, 0, 0);
    show(Array.from({ length: side * side }, (_, i) => (data[4 * i] / 255) * facts.brightest));
  };
  wipe();
}

// ---- A table, predicted row by row.

// The rows of a table as lists of cells. Quoted cells may hold separators, line breaks and doubled quotes.
function cellsOf(text) {
  const body = text.replace(/^\uFEFF/, "");
  const first = body.split(/\r?\n/, 1)[0];
  const separator = [",", ";", "\t", "|"].map((c) => [first.split(c).length, c]).sort((a, b) => b[0] - a[0])[0][1];
  const rows = [];
  let [row, cell, quoted] = [[], "", false];
  for (let i = 0; i < body.length; i++) {
    const c = body[i];
    if (quoted) {
      if (c === '"' && body[i + 1] === '"') { cell += c; i++; }
      else if (c === '"') quoted = false;
      else cell += c;
    } else if (c === '"' && cell.trim() === "") { cell = ""; quoted = true; }
    else if (c === separator) { row.push(cell); cell = ""; }
    else if (c === "\n" || c === "\r") {
      if (c === "\r" && body[i + 1] === "\n") i++;
      row.push(cell);
      rows.push(row);
      [row, cell] = [[], ""];
    } else cell += c;
  }
  if (quoted) throw new Error("a quote is opened and never closed");
  if (cell !== "" || row.length > 0) rows.push([...row, cell]);
  // Where cells are not parted by commas, a comma in a number stands before its decimals.
  const trimmed = (cell) => (separator !== "," && /^\s*[+-]?\d+,\d+\s*$/.test(cell) ? cell.trim().replace(",", ".") : cell.trim());
  return rows.filter((cells) => cells.some((cell) => cell.trim() !== "")).map((cells) => cells.map(trimmed));
}

const needed = columns === null ? facts.features : columns.map((column) => column.name);

function rowOf(header, cells) {
  if (cells.length !== header.length) throw new Error(`it has ${cells.length} cells, the header ${header.length}`);
  const row = Object.fromEntries(header.map((name, i) => [name, cells[i]]));
  return columns === null ? needed.map((name) => (row[name] === "" ? NaN : Number(row[name]))) : row;
}

function listOf(answer) {
  const numbers = Object.values(answer.probabilities ?? answer.scores ?? answer.values);
  return answer.label === undefined ? numbers : [answer.label, ...numbers];
}

// For each row a list, or in its place why there is none.
async function listsOf(header, rows) {
  try {
    return (await answersTo(rows.map((cells) => rowOf(header, cells)))).map(listOf);
  } catch {
    const alone = async (cells) => listOf((await answersTo([rowOf(header, cells)]))[0]);
    const lists = [];
    for (const cells of rows) lists.push(await alone(cells).catch((error) => error));
    return lists;
  }
}

async function predictTable(name, text) {
  at("table").replaceChildren();
  try {
    const [header, ...rows] = cellsOf(text);
    if (!header) throw new Error("the table is empty");
    const absent = needed.filter((name, i) => !header.includes(name) && !(columns !== null && columns[i].had_missing));
    if (absent.length > 0) throw new Error(`the table has no column ${absent.slice(0, 5).map((name) => `\`${name}\``).join(", ")}`);
    const what = target.kind === "values" ? (name) => `predicted ${name}` : target.certainty === "scores" ? (name) => `score(${name})` : (name) => `p(${name})`;
    const heads = [...(target.kind === "classes" ? [`predicted ${target.name}`] : []), ...target.names.map(what)];
    const lists = await listsOf(header, rows);
    const failed = lists.filter((list) => list instanceof Error).length;
    const answers = lists.map((list) => (list instanceof Error ? [list.message] : list));
    const quote = (cell) => (/[",\n\r]/.test(cell) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell));
    const lines = [[...heads, ...header], ...answers.map((answer, i) => [...heads.map((_, j) => answer[j] ?? ""), ...rows[i]])];
    const link = make("a", { href: URL.createObjectURL(new Blob([lines.map((line) => line.map(quote).join(",")).join("\n") + "\n"], { type: "text/csv" })), download: `predicted-${name}` }, "Save the answers as CSV");
    const most = 200;
    at("said").replaceChildren(`${rows.length} rows of ${name}${failed > 0 ? `, ${failed} of them do not fit` : ""}${rows.length > most ? `; the first ${most} are shown` : ""}. `, link);
    const cell = (x) => make("td", {}, typeof x === "number" ? short(x) : x);
    const lineOf = (answer, i) => make("tr", {}, ...(answer.length === heads.length ? answer.map(cell) : [make("td", { class: "error", colspan: heads.length }, answer[0])]), ...rows[i].map(cell));
    at("table").replaceChildren(make("table", {}, make("thead", {}, make("tr", {}, ...lines[0].map((head) => make("th", {}, head)))), make("tbody", {}, ...answers.slice(0, most).map(lineOf))));
  } catch (error) {
    at("said").replaceChildren(make("span", { class: "error" }, error.message));
  }
}

async function take(files) {
  if (files.length > 0) await predictTable(files[0].name, await files[0].text());
}

at("file").addEventListener("change", (event) => take(event.target.files));
addEventListener("dragover", (event) => { event.preventDefault(); at("drop").classList.add("over"); });
addEventListener("dragleave", () => at("drop").classList.remove("over"));
addEventListener("drop", (event) => { event.preventDefault(); at("drop").classList.remove("over"); take(event.dataTransfer.files); });

if (columns === null) formOfFeatures();
else formOfColumns();
