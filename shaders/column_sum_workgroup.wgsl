// y[c] = scale * sum over r of x[r,c]. A workgroup takes COLUMNS neighbouring columns and splits the rows among
// WORKGROUP_SIZE / COLUMNS lanes, so that a few columns of many rows still fill a GPU.

struct Params {
    rows: u32,
    columns: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read_write> y: array<Elem>;

const LANES: u32 = WORKGROUP_SIZE / COLUMNS;

var<workgroup> partial: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn column_sum_workgroup(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let c = linear_group(group, groups) * COLUMNS + local % COLUMNS;
    var sum = 0.0;
    if c < params.columns {
        for (var r = local / COLUMNS; r < params.rows; r += LANES) {
            sum += x[r * params.columns + c];
        }
    }
    partial[local] = sum;
    workgroupBarrier();
    for (var stride = LANES / 2u; stride > 0u; stride /= 2u) {
        if local < stride * COLUMNS {
            partial[local] += partial[local + stride * COLUMNS];
        }
        workgroupBarrier();
    }
    if local < COLUMNS && c < params.columns {
        y[c] = partial[local] * params.scale;
    }
}
