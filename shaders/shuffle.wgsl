// order[i] = the dataset's row at position i of the epoch: an alternating Feistel network over the next power of two,
// walked until it lands below the count; twin of `Permutation` in src/random.rs. One invocation per position.

struct Params {
    count: u32,
    shuffled: u32,
    key_low: u32,
    key_high: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read_write> order: array<u32>;

const MIN_BITS: u32 = 6u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn shuffle(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(group, groups, local);
    if i >= params.count {
        return;
    }
    if params.shuffled == 0u {
        order[i] = i;
        return;
    }
    let key = vec2<u32>(params.key_low, params.key_high);
    let bits = max(32u - countLeadingZeros(params.count - 1u), MIN_BITS);
    let high_bits = bits / 2u;
    let low_bits = bits - high_bits;
    let low_mask = (1u << low_bits) - 1u;
    let high_mask = (1u << high_bits) - 1u;

    var position = i;
    loop {
        var low = position & low_mask;
        var high = position >> low_bits;
        // Counted from no constant, so that the loop stays one: four rounds take drivers on a CPU long to compile.
        for (var round = i; round < i + 4u; round++) {
            let keys = threefry(key, vec2<u32>(clock.epoch, round - i));
            low ^= mix_bits(high ^ keys.x) & low_mask;
            high ^= mix_bits(low ^ keys.y) & high_mask;
        }
        position = (high << low_bits) | low;
        if position < params.count {
            break;
        }
    }
    order[i] = position;
}
