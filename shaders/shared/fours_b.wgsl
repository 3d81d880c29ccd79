// Four neighbours of a row of B as stored, whether the rows are whole vec4 (B_CELL = 4) or not (1).
// A kernel that uses it declares the matrix `b: array<BCell>`.

// Four elements from 4 * four on of row `row`, in rows of `length`; past the end the last element.
fn four_of_b(row: u32, four: u32, length: u32) -> vec4<f32> {
    if B_CELL == 4u {
        let fours = length / 4u;
        return vec4<f32>(b[row * fours + min(four, fours - 1u)]);
    }
    let start = row * length;
    let at = vec4<u32>(start) + min(vec4<u32>(4u * four) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(length - 1u));
    return vec4<f32>(vec4<f32>(b[at.x]).x, vec4<f32>(b[at.y]).x, vec4<f32>(b[at.z]).x, vec4<f32>(b[at.w]).x);
}
