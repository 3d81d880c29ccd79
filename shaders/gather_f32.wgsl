// Float rows of the batch: the dataset's rows that stand at batch_start in the epoch's order. One invocation per cell
// of one or four neighbouring elements.

struct Params {
    count: u32,
    columns: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> data: array<Cell>;
@group(0) @binding(3) var<storage, read> order: array<u32>;
@group(0) @binding(4) var<storage, read_write> batch: array<Cell>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn gather_f32(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local);
    let cells = params.columns / CELL;
    if i < params.count / CELL {
        batch[i] = data[order[clock.batch_start + i / cells] * cells + i % cells];
    }
}
