// correct[b] = 1 if the largest logit of row b is that of its label, else 0. One invocation per row.

struct Params {
    rows: u32,
    classes: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<Elem>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> correct: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn correct_rows(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let b = linear_index(group, groups, local);
    if b >= params.rows {
        return;
    }
    let row = b * params.classes;
    var best = 0u;
    for (var c = 1u; c < params.classes; c++) {
        if logits[row + c] > logits[row + best] {
            best = c;
        }
    }
    if params.classes == 1u {
        best = select(0u, 1u, logits[row] > 0.0);
    }
    correct[b] = select(0.0, 1.0, best == labels[b]);
}
