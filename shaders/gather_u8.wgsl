// Rows of bytes, packed four to a word with the first in the lowest bits, as scaled floats: the dataset's rows that
// stand at batch_start in the epoch's order. One invocation per element.

struct Params {
    count: u32,
    columns: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> data: array<u32>;
@group(0) @binding(3) var<storage, read> order: array<u32>;
@group(0) @binding(4) var<storage, read_write> batch: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn gather_u8(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local);
    if i < params.count {
        let source = order[clock.batch_start + i / params.columns] * params.columns + i % params.columns;
        let byte = (data[source / 4u] >> (8u * (source % 4u))) & 0xFFu;
        batch[i] = f32(byte) * params.scale;
    }
}
