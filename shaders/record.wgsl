// Files a result of a batch in the ring. One invocation.

struct Params {
    slots: u32,
    width: u32,
    column: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> x: array<Elem>;
@group(0) @binding(3) var<storage, read_write> ring: array<Elem>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn record() {
    ring[(clock.slot % params.slots) * params.width + params.column] = x[0];
}
