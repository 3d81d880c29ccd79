// Rows of bytes, packed four to a word with the first in the lowest bits, as scaled floats: the dataset's rows that stand at batch_start in the epoch's order. One invocation
// per four neighbouring elements; a row has a multiple of four.

struct Params {
    count: u32,
    columns: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> data: array<u32>;
@group(0) @binding(3) var<storage, read> order: array<u32>;
@group(0) @binding(4) var<storage, read_write> batch: array<vec4<Elem>>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn gather_u8_words(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local);
    let vecs = params.columns / 4u;
    if i < params.count / 4u {
        let source = order[clock.batch_start + i / vecs] * vecs + i % vecs;
        let bytes = (vec4<u32>(data[source]) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xFFu);
        batch[i] = vec4<f32>(bytes) * params.scale;
    }
}
