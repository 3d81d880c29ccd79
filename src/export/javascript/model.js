// Whether a cell is missing: not there, empty, not a number, or one of the words for it.
function isMissing(cell) {
  if (cell === null || cell === undefined || Number.isNaN(cell)) return true;
  const text = String(cell).trim().toLowerCase();
  return text === "" || missingWords.includes(text) || (typeof cell === "number" && missingWords.some((word) => word !== "" && Number(word) === cell));
}

const wordsForNo = ["no", "false", "n", "f", "off", "absent"];
const wordsForYes = ["yes", "true", "y", "t", "on", "present"];

// Year, month, day, day of the week from 0 for Monday, hour, minute and second of "2012-01-31", "2012-01-31 13:05:09" or "13:05".
function timeParts(text) {
  const clock = /^(\d\d):(\d\d)(?::(\d\d))?$/;
  const found = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](.+))?$/.exec(clock.test(text) ? `1970-01-01 ${text}` : text);
  if (!found) return null;
  const [year, month, day] = found.slice(1, 4).map(Number);
  const time = found[4] === undefined ? [0, 0, 0] : (clock.exec(found[4]) ?? []).slice(1).map((part) => Number(part ?? 0));
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(year, month - 1, day);
  const real = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!real || time.length === 0 || time[0] > 23 || time[1] > 59 || time[2] > 59) return null;
  return { year, month, day, weekday: (date.getUTCDay() + 6) % 7, hour: time[0], minute: time[1], second: time[2] };
}

function partsOf(seconds) {
  const date = new Date(seconds * 1000);
  return timeParts(date.toISOString().slice(0, 19));
}

// The position of a category, which numbers may be, however they are written; -1 if it is none.
function find(text, levels) {
  const at = levels.indexOf(text);
  if (at >= 0 || text === "" || Number.isNaN(Number(text))) return at;
  return levels.findIndex((level) => level !== "" && Number(level) === Number(text));
}

// The features that a column of a row becomes.
function featuresOf(column, row) {
  const cell = row[column.name];
  if (cell === undefined && !column.had_missing) throw new Error(`the row has no \`${column.name}\``);
  const missing = isMissing(cell);
  const refuse = (what) => { throw new Error(`\`${column.name}\` is \`${cell}\`, which is ${what}`); };
  if (missing && refusesMissing) throw new Error(`\`${column.name}\` is missing`);
  const text = missing ? "" : String(cell).trim();
  let features;
  if (column.kind === "number") {
    const value = missing ? column.fill : Number(text);
    if (!Number.isFinite(value)) refuse("no number");
    features = [value - column.offset];
  } else if (column.kind === "yes_no") {
    const word = text.toLowerCase();
    if (!missing && !wordsForNo.includes(word) && !wordsForYes.includes(word)) refuse("neither yes nor no");
    features = [Number(missing ? column.fill : wordsForYes.includes(word))];
  } else if (column.kind === "category") {
    features = Array(column.levels.length + (column.others ? 1 : 0)).fill(0);
    const at = missing ? column.fill : find(text, column.levels);
    const place = at >= 0 ? at : column.levels.length;
    if (place < features.length) features[place] = 1;
  } else {
    const parts = missing ? partsOf(column.fill) : timeParts(text) ?? refuse("no time");
    features = column.parts.map((part) => parts[part]);
  }
  if (column.indicator) features.push(missing ? 1 : 0);
  return features;
}

// The inputs of the net for a row: an object with a cell for each column, or an array of features.
function inputsOf(row) {
  const features = columns === null ? Array.from(row, Number) : columns.flatMap((column) => featuresOf(column, row));
  if (features.length !== width) throw new Error(`the row has ${features.length} features, the model takes ${width}`);
  return features.map((x, i) => {
    const input = prepare(Math.fround(x), i);
    if (!Number.isFinite(input)) throw new Error(`feature ${i + 1} is ${x}, too far from the training rows`);
    return input;
  });
}

const floats = (base64) => new Float32Array(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer);

const each = (count, of) => Float64Array.from({ length: count }, (_, i) => of(i));

const dense = (x, weight, bias, outputs) => each(outputs, (o) => {
  let sum = 0;
  for (let i = 0, at = o * x.length; i < x.length; i++, at++) sum += weight[at] * x[i];
  return sum + (bias === null ? 0 : bias[o]);
});

const relu = (x) => (x <= 0 ? 0 : x);
const leaky_relu = (x, slope) => (x <= 0 ? slope * x : x);
const elu = (x, alpha) => (x > 0 ? x : alpha * Math.expm1(x));
const step = (x) => (x >= 0 ? 1 : 0);
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

function sigmoid(x) {
  const t = Math.exp(-Math.abs(x));
  return x >= 0 ? 1 / (1 + t) : t / (1 + t);
}

// The complementary error function: a series near 0, a continued fraction beyond.
function erfc(x) {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2) {
    let term = x, sum = x;
    for (let n = 1; n < 60; n++) sum += term *= (2 * x * x) / (2 * n + 1);
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  let fraction = x;
  for (let n = 120; n > 0; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
}

const normal_cdf = (x) => 0.5 * erfc(-x * Math.SQRT1_2);

function softmax(z) {
  const largest = Math.max(...z);
  const powers = Array.from(z, (x) => Math.exp(x - largest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((p) => p / sum);
}

function predictedClass(z, numbers) {
  if (target.threshold !== null) return numbers[1] >= target.threshold ? 1 : 0;
  if (z.length === 1) return z[0] > 0 ? 1 : 0;
  let best = 0;
  for (let i = 1; i < z.length; i++) if (z[i] > z[best]) best = i;
  return best;
}

const named = (names, numbers) => Object.fromEntries(names.map((name, i) => [name, numbers[i]]));

/**
 * Predicts a row: an object with a cell for each column, or an array of features where the model has no columns. Returns
 * `{label, probabilities}` (or `{label, scores}`) for classes, `{probabilities}` for labels, `{values}` for numbers.
 */
export function predict(row) {
  const z = outputs(inputsOf(row));
  if (target.kind === "labels") return { probabilities: named(target.names, Array.from(z, sigmoid)) };
  if (target.kind === "values") {
    return { values: named(target.names, Array.from(z, (y, i) => y * target.scales[i] + target.centers[i])) };
  }
  const numbers = target.certainty === "softmax" ? softmax(z) : target.certainty === "logistic" ? [sigmoid(-z[0]), sigmoid(z[0])] : Array.from(z);
  const label = target.names[predictedClass(z, numbers)];
  const byName = named(target.names, numbers);
  return target.certainty === "scores" ? { label, scores: byName } : { label, probabilities: byName };
}
