// Four neighbours of a row of A as stored, whether the rows are whole vec4 (A_CELL = 4) or not (1).
// A kernel that uses it declares the matrix `a: array<ACell>`.

// Four elements from 4 * four on of row `row`, in rows of `length`; past the end the last element.
fn four_of_a(row: u32, four: u32, length: u32) -> vec4<f32> {
    if A_CELL == 4u {
        let fours = length / 4u;
        return vec4<f32>(a[row * fours + min(four, fours - 1u)]);
    }
    let start = row * length;
    let at = vec4<u32>(start) + min(vec4<u32>(4u * four) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(length - 1u));
    return vec4<f32>(vec4<f32>(a[at.x]).x, vec4<f32>(a[at.y]).x, vec4<f32>(a[at.z]).x, vec4<f32>(a[at.w]).x);
}

// Element `at` of A as stored.
fn one_of_a(at: u32) -> f32 {
    let cell = vec4<f32>(a[at / A_CELL]);
    return select(cell.x, cell[at % 4u], A_CELL == 4u);
}
