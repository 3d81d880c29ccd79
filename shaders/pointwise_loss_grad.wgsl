// grad_prediction[b,o] = grad_loss[b] * scale * dl/dp, one invocation per element.

struct Params {
    rows: u32,
    columns: u32,
    scale: f32,
    delta: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> prediction: array<Elem>;
@group(0) @binding(2) var<storage, read> expected: array<Elem>;
@group(0) @binding(3) var<storage, read> grad_loss: array<Elem>;
@group(0) @binding(4) var<storage, read_write> grad_prediction: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn pointwise_loss_grad(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local);
    if i < params.rows * params.columns {
        let derivative = pointwise_derivative(prediction[i], expected[i], params.delta);
        grad_prediction[i] = grad_loss[i / params.columns] * params.scale * derivative;
    }
}
