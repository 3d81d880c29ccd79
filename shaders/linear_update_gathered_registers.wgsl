// Gradients of a layer's weight and bias, and their SGD step in place: w -= rate * (a^T * b + decay * w).
// m outputs, n inputs, k rows of the batch: a is the gradient of the layer's output [k, m]; b, the layer's input [k, n],
// is rows of the dataset, see shared/rows*.wgsl.
// Weights in register tiles (see shared/product*.wgsl), biases spread over invocations or workgroups (see
// shared/biases*.wgsl); the step of each is in shared/step_sgd.wgsl.

struct Params {
    m: u32,
    n: u32,
    k: u32,
    weight_decay: f32,
    byte_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(4) var<storage, read_write> weight: array<Elem>;
@group(0) @binding(5) var<storage, read_write> bias: array<Elem>;
@group(0) @binding(6) var<storage, read> a: array<ACell>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn linear_update_gathered_registers(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    multiply(group, groups, local);
    step_biases(group, groups, local);
}
