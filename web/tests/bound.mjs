// How far the losses of one step may be apart on two devices that start from the same weights, by what WGSL promises:
// one operation is off by at most u of its result, a sum of K terms by γ(K) of the sum of their sizes, exp by 3 + 2|x| ULP,
// log by 3 ULP or 2⁻²¹.

const U = 2 ** -23;
const gamma = (terms) => (terms * U) / (1 - terms * U);

/** The tensors of a safetensors file by name. */
export function tensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const found = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [start, end] = entry.data_offsets;
    found[name] = { shape: entry.shape, data: new Float32Array(bytes.slice(8 + length + start, 8 + length + end).buffer) };
  }
  return found;
}

/** A layer's outputs for one row with the bound of their error, if the inputs have the errors `errors`. */
function linear({ shape: [outputs, inputs], data: w }, { data: b }, x, errors) {
  const [y, e] = [new Float64Array(outputs), new Float64Array(outputs)];
  for (let o = 0; o < outputs; o += 1) {
    let [sum, sizes, carried] = [b[o], Math.abs(b[o]), 0];
    for (let i = 0; i < inputs; i += 1) {
      const weight = w[o * inputs + i];
      sum += weight * x[i];
      sizes += Math.abs(weight) * (Math.abs(x[i]) + errors[i]);
      carried += Math.abs(weight) * errors[i];
    }
    [y[o], e[o]] = [sum, gamma(inputs + 1) * sizes + carried];
  }
  return [y, e];
}

/**
 * The bound for a net of two linear layers with ReLU between them and cross-entropy behind, over any batch of `rows`, where
 * hidden units are dropped or multiplied by `scale`, a power of two.
 */
export function ofStep(net, rows, width, scale, batch) {
  let [most, largest] = [0, 0];
  for (let row = 0; row < rows.length / width; row += 1) {
    const x = rows.subarray(row * width, (row + 1) * width);
    const [hidden, hiddenErrors] = linear(net["0.weight"], net["0.bias"], x, new Float64Array(width));
    const last = Object.keys(net).filter((name) => name.endsWith(".weight")).sort().at(-1).split(".")[0];
    // Dropped units count less; kept ones times the scale.
    const active = hidden.map((h) => Math.max(h, 0) * scale);
    const activeErrors = hiddenErrors.map((e) => e * scale);
    const [logits, errors] = linear(net[`${last}.weight`], net[`${last}.bias`], active, activeErrors);
    // Whatever is dropped, a logit lies within the sum of the sizes of its terms.
    const reach = logits.map((_, o) => {
      const { data, shape: [, inputs] } = net[`${last}.weight`];
      let sum = Math.abs(net[`${last}.bias`].data[o]);
      for (let i = 0; i < inputs; i += 1) sum += Math.abs(data[o * inputs + i]) * active[i];
      return scale === 1 ? Math.abs(logits[o]) : sum;
    });
    const distance = 2 * Math.max(...reach);
    const loss = distance + Math.log(logits.length);
    const ofExp = (3 + 2 * distance) * U + gamma(logits.length);
    const ofLog = Math.max(2 ** -21, 3 * U * loss);
    const error = 2 * Math.max(...errors) + ofExp + ofLog + 4 * U * loss;
    [most, largest] = [Math.max(most, error), Math.max(largest, loss)];
  }
  // Twice: each of the two devices is off by as much. A batch's loss is the mean of its rows'.
  return 2 * (most + gamma(batch + 1) * largest);
}
