// The three libraries on one net in one page: each as `{ start, steps }`, where `steps(n)` ends when the device has done them.

const ROWS = 1024;
const RATE = 0.01;

/** The same numbers in each page: rows of features, and a class for each. */
function rows(width, classes) {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const x = Float32Array.from({ length: ROWS * width }, () => Math.fround(random() * 2 - 1));
  return { x, labels: Uint32Array.from({ length: ROWS }, () => Math.floor(random() * classes)) };
}

/** The batches of the rows as arrays, with their labels in the form 0 0 1 0. */
function batches({ x, labels }, width, classes, batch) {
  return Array.from({ length: ROWS / batch }, (_, at) => {
    const y = new Float32Array(batch * classes);
    for (let i = 0; i < batch; i += 1) y[i * classes + labels[at * batch + i]] = 1;
    return { x: x.slice(at * batch * width, (at + 1) * batch * width), y };
  });
}

const libraries = {
  async anygrad(widths, batch, backend) {
    const { load, open } = await import("/site/anygrad/index.js");
    await load();
    const [width, classes] = [widths[0], widths.at(-1)];
    const { x, labels } = rows(width, classes);
    const names = Array.from({ length: width }, (_, i) => `f${i}`);
    const lines = Array.from(labels, (label, row) => [...x.subarray(row * width, (row + 1) * width), `c${label}`].join(","));
    const csv = new TextEncoder().encode([[...names, "class"].join(","), ...lines].join("\n"));
    const hidden = widths.slice(1, -1).map((linear) => `[[layers]]\nlinear = ${linear}\n[[layers]]\nactivation = "relu"\n`);
    const recipe = `device = "${backend === "webgpu" ? "gpu" : "cpu"}"
      [data]\nsource = "rows.csv"\ntest_fraction = 0\nscaling = "none"
      ${hidden.join("")}[[layers]]\nlinear = ${classes}
      [optimizer]\nkind = "sgd"\nlearning_rate = ${RATE}\n[schedule]\nkind = "constant"
      [train]\nbatch_size = ${batch}\nepochs = 1000000`;
    // The table is read and the device asked for by now.
    const run = await open(recipe, { "rows.csv": csv });
    const begin = performance.now();
    const about = JSON.parse(await run.describe());
    return { begin, device: `${about.backend} ${about.device}`, steps: (count) => run.steps(count) };
  },
  async "jax-js"(widths, batch, backend) {
    const { init, defaultDevice, numpy: np, nn, jit, valueAndGrad, tree, blockUntilReady } = await import("/modules/@jax-js/jax/dist/index.js");
    const data = batches(rows(widths[0], widths.at(-1)), widths[0], widths.at(-1), batch);
    const device = backend === "webgpu" ? "webgpu" : "wasm";
    await init(device);
    defaultDevice(device);
    const begin = performance.now();
    const resident = data.map(({ x, y }) => [np.array(x).reshape([batch, widths[0]]), np.array(y).reshape([batch, widths.at(-1)])]);
    const initial = (inputs, outputs) =>
      np.array(Float32Array.from({ length: inputs * outputs }, () => (Math.random() * 2 - 1) / Math.sqrt(inputs))).reshape([inputs, outputs]);
    let parameters = widths.slice(1).map((outputs, i) => ({ w: initial(widths[i], outputs), b: np.zeros([outputs]) }));
    const loss = (net, x, y) => {
      let h = x;
      net.forEach(({ w, b }, i) => {
        h = np.matmul(h, w).add(b);
        if (i < net.length - 1) h = nn.relu(h);
      });
      return nn.logSoftmax(h).mul(y).sum().mul(-1 / batch);
    };
    const step = jit((net, x, y) => {
      const [value, gradients] = valueAndGrad(loss)(tree.ref(net), x, y);
      return [tree.map((p, g) => p.sub(g.mul(RATE)), net, gradients), value];
    });
    let at = 0;
    const steps = async (count) => {
      for (let i = 0; i < count; i += 1) {
        const [x, y] = resident[at++ % resident.length];
        const [next, value] = step(parameters, x.ref, y.ref);
        parameters = next;
        value.dispose();
      }
      await blockUntilReady(parameters);
    };
    return { begin, device, steps };
  },
  async tfjs(widths, batch, backend) {
    const script = (source) =>
      new Promise((done, failed) => {
        const element = Object.assign(document.createElement("script"), { src: source, onload: done, onerror: () => failed(new Error(source)) });
        document.head.append(element);
      });
    if (!window.tf) await script("/modules/@tensorflow/tfjs/dist/tf.min.js");
    const { tf } = window;
    if (backend === "webgpu") await script("/modules/@tensorflow/tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js");
    else {
      await script("/modules/@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js");
      tf.wasm.setWasmPaths("/modules/@tensorflow/tfjs-backend-wasm/dist/");
    }
    const data = batches(rows(widths[0], widths.at(-1)), widths[0], widths.at(-1), batch);
    if (!(await tf.setBackend(backend === "webgpu" ? "webgpu" : "wasm"))) throw new Error("tfjs has no such backend");
    await tf.ready();
    const begin = performance.now();
    const resident = data.map(({ x, y }) => [tf.tensor2d(x, [batch, widths[0]]), tf.tensor2d(y, [batch, widths.at(-1)])]);
    const net = widths.slice(1).map((outputs, i) => ({
      w: tf.variable(tf.randomUniform([widths[i], outputs], -1 / Math.sqrt(widths[i]), 1 / Math.sqrt(widths[i]))),
      b: tf.variable(tf.zeros([outputs])),
    }));
    const optimizer = tf.train.sgd(RATE);
    let at = 0;
    const steps = async (count) => {
      let last;
      for (let i = 0; i < count; i += 1) {
        const [x, y] = resident[at++ % resident.length];
        last?.dispose();
        last = optimizer.minimize(() => {
          const logits = net.reduce((h, { w, b }, layer) => {
            const z = h.matMul(w).add(b);
            return layer < net.length - 1 ? z.relu() : z;
          }, x);
          return tf.losses.softmaxCrossEntropy(y, logits);
        }, true);
      }
      await last.data();
      last.dispose();
    };
    return { begin, device: tf.getBackend(), steps };
  },
};

/** Milliseconds from the open device to the first step done: tensors, kernels, the step. */
window.firstStep = async (name, widths, batch, backend) => {
  const { begin, steps } = await libraries[name](widths, batch, backend);
  await steps(1);
  return performance.now() - begin;
};

/** Milliseconds per step of each library, round by round in turns. */
window.rounds = async (names, widths, batch, backend, count, each) => {
  const opened = {};
  for (const name of names) {
    opened[name] = await libraries[name](widths, batch, backend);
    await opened[name].steps(3);
  }
  const samples = Object.fromEntries(names.map((name) => [name, []]));
  const counts = {};
  for (const name of names) {
    const begin = performance.now();
    await opened[name].steps(2);
    counts[name] = Math.max(1, Math.min(256, Math.round((2 * each) / (performance.now() - begin))));
  }
  for (let round = 0; round < count; round += 1) {
    for (const name of names) {
      const begin = performance.now();
      await opened[name].steps(counts[name]);
      samples[name].push((performance.now() - begin) / counts[name]);
    }
  }
  return { samples, devices: Object.fromEntries(names.map((name) => [name, opened[name].device])) };
};
