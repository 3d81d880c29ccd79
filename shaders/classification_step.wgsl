// Loss and number of correct rows of a batch, filed in the ring, and the gradient of its logits.
// loss = scale * sum over rows of [log(sum exp(z - m)) - sum q (z - m)], grad = scale * (softmax(z) - q), with m the
// row's maximum and q = (1 - s) [c = label] + s / C for label smoothing s. One workgroup, whose invocations stride over
// the rows.

struct Params {
    rows: u32,
    classes: u32,
    label_smoothing: f32,
    scale: f32,
    slots: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> logits: array<Elem>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read> order: array<u32>;
@group(0) @binding(5) var<storage, read_write> ring: array<Elem>;
@group(0) @binding(6) var<storage, read_write> grad_logits: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn classification_step(@builtin(local_invocation_index) local: u32) {
    let spread = params.label_smoothing / f32(params.classes);
    let own = 1.0 - params.label_smoothing + spread;
    var own_loss = 0.0;
    var own_correct = 0.0;
    for (var b = local; b < params.rows; b += WORKGROUP_SIZE) {
        let label = labels[order[clock.batch_start + b]];
        let row = b * params.classes;
        var best = 0u;
        var largest = logits[row];
        for (var c = 1u; c < params.classes; c++) {
            let z = logits[row + c];
            if z > largest {
                largest = z;
                best = c;
            }
        }
        var sum = 0.0;
        var distance = 0.0;
        for (var c = 0u; c < params.classes; c++) {
            let z = logits[row + c] - largest;
            sum += exp(z);
            distance += z;
        }
        for (var c = 0u; c < params.classes; c++) {
            let softmax = exp(logits[row + c] - largest) / sum;
            grad_logits[row + c] = params.scale * (softmax - select(spread, own, c == label));
        }
        let expected = (1.0 - params.label_smoothing) * (logits[row + label] - largest) + spread * distance;
        own_loss += log(sum) - expected;
        own_correct += select(0.0, 1.0, best == label);
    }
    let loss = params.scale * workgroup_sum(own_loss, local);
    let correct = workgroup_sum(own_correct, local);
    if local == 0u {
        let entry = (clock.slot % params.slots) * params.width;
        ring[entry] = loss;
        ring[entry + 1u] = correct;
    }
}
