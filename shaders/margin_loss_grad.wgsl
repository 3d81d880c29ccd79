// grad_outputs[b,j] = grad_loss[b] for each class whose term counts, minus their number times grad_loss[b] for the
// label. One invocation per row. With margin 0 a tie counts: the perceptron starts from one.

struct Params {
    rows: u32,
    classes: u32,
    margin: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> outputs: array<Elem>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> grad_loss: array<Elem>;
@group(0) @binding(4) var<storage, read_write> grad_outputs: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn margin_loss_grad(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let b = linear_index(group, groups, local);
    if b >= params.rows {
        return;
    }
    let row = b * params.classes;
    let label = labels[b];
    let own = outputs[row + label];
    let g = grad_loss[b];
    var counted = 0.0;
    for (var j = 0u; j < params.classes; j++) {
        let excess = outputs[row + j] - own + params.margin;
        let counts = j != label && (excess > 0.0 || (params.margin == 0.0 && excess == 0.0));
        grad_outputs[row + j] = select(0.0, g, counts);
        counted += select(0.0, 1.0, counts);
    }
    grad_outputs[row + label] = -counted * g;
}
