// Numbers for pictures: how they are written, axes, probabilities, and the plane of the first two principal components.

/** A number as people read it, with so many significant digits. */
export function show(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) {
    return value.toExponential(digits - 2).replace("e+", "e").replaceAll("-", "−");
  }
  const whole = Math.max(1, Math.floor(Math.log10(Math.abs(value) || 1)) + 1);
  return value.toFixed(Math.max(0, digits - whole)).replace("-", "−");
}

export const percent = (share) => `${(100 * share).toFixed(share === 1 ? 0 : 1)} %`;

/** Round numbers from about `low` to about `high`. */
export function ticks(low, high, count = 5) {
  const raw = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999);
  const marks = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-6; at += 1) marks.push(at * step);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return marks.map((value) => ({ value, text: value.toFixed(Math.min(6, digits)).replace("-", "−") }));
}

/** The place of the largest of `width` numbers from `start` on. */
export function largest(values, start, width) {
  let best = 0;
  for (let i = 1; i < width; i += 1) if (values[start + i] > values[start + best]) best = i;
  return best;
}

/**
 * Probabilities of classes from a model's outputs, `classes` for each row; of losses without probabilities they grow with the
 * outputs all the same.
 */
export function probabilities(outputs, width, classes) {
  const rows = outputs.length / width;
  const shares = new Float32Array(rows * classes);
  for (let row = 0; row < rows; row += 1) {
    if (width === 1) {
      const second = 1 / (1 + Math.exp(-outputs[row]));
      shares[2 * row] = 1 - second;
      shares[2 * row + 1] = second;
      continue;
    }
    const top = outputs[row * width + largest(outputs, row * width, width)];
    let sum = 0;
    for (let i = 0; i < width; i += 1) sum += shares[row * classes + i] = Math.exp(outputs[row * width + i] - top);
    for (let i = 0; i < width; i += 1) shares[row * classes + i] /= sum;
  }
  return shares;
}

/** The least and the largest of every `stride`-th number from `start` on, with a margin. */
export function extent(values, start, stride, margin = 0.08) {
  let [low, high] = [Infinity, -Infinity];
  for (let i = start; i < values.length; i += stride) {
    if (values[i] < low) low = values[i];
    if (values[i] > high) high = values[i];
  }
  if (!(high > low)) [low, high] = Number.isFinite(low) ? [low - 1, high + 1] : [-1, 1];
  return [low - margin * (high - low), high + margin * (high - low)];
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const scaled = (a, factor) => a.map((value) => value * factor);

/**
 * The plane of most variance among rows of `width` numbers: `{ mean, axes: [e1, e2], share }`. `before` is that of the picture
 * before, so that the new one turns as little as it can.
 */
export function plane(rows, width, before) {
  const count = rows.length / width;
  const stride = Math.max(1, Math.floor(count / 400));
  const mean = new Array(width).fill(0);
  let used = 0;
  for (let row = 0; row < count; row += stride, used += 1) for (let i = 0; i < width; i += 1) mean[i] += rows[row * width + i];
  for (let i = 0; i < width; i += 1) mean[i] /= used;
  if (width === 2) return { mean: [0, 0], axes: [[1, 0], [0, 1]], share: 1 };
  const covariance = Array.from({ length: width }, () => new Float64Array(width));
  for (let row = 0; row < count; row += stride) {
    for (let i = 0; i < width; i += 1) {
      const first = rows[row * width + i] - mean[i];
      for (let j = i; j < width; j += 1) covariance[i][j] += first * (rows[row * width + j] - mean[j]);
    }
  }
  let total = 0;
  for (let i = 0; i < width; i += 1) {
    total += covariance[i][i];
    for (let j = 0; j < i; j += 1) covariance[i][j] = covariance[j][i];
  }
  const old = before?.axes[0].length === width ? before.axes : null;
  let axes = old ?? [0, 1].map((axis) => Array.from({ length: width }, (_, i) => Math.sin(1 + i * (2 + axis))));
  for (let round = 0; round < (old ? 12 : 60); round += 1) {
    axes = orthonormal(axes.map((axis) => covariance.map((line) => dot(Array.from(line), axis))));
  }
  const share = axes.reduce((sum, axis) => sum + dot(axis, covariance.map((line) => dot(Array.from(line), axis))), 0) / (total || 1);
  return { mean, axes: old ? turned(axes, old) : axes, share };
}

function orthonormal([a, b]) {
  const first = scaled(a, 1 / (Math.hypot(...a) || 1));
  const rest = b.map((value, i) => value - dot(first, b) * first[i]);
  return [first, scaled(rest, 1 / (Math.hypot(...rest) || 1))];
}

/** The same plane, turned or mirrored so that its axes lie nearest to the old ones. */
function turned([a, b], old) {
  const [aa, ab, ba, bb] = [dot(old[0], a), dot(old[0], b), dot(old[1], a), dot(old[1], b)];
  const isMirrored = aa * bb - ab * ba < 0;
  const angle = isMirrored ? Math.atan2(ab + ba, aa - bb) : Math.atan2(ab - ba, aa + bb);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const first = a.map((value, i) => c * value + s * b[i]);
  const second = a.map((value, i) => (isMirrored ? s * value - c * b[i] : -s * value + c * b[i]));
  return [first, second];
}
