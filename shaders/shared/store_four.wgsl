// Four neighbours of a finished row of a product, for real GPUs: written out, so that their reads are on the way
// together. A kernel that uses it declares `params` with n, and `store`, which takes an element of C.

fn store_four(row: u32, column: u32, value: vec4<f32>) {
    // Inside C without a test for each.
    if column + 3u < params.n {
        store(row, column, value.x);
        store(row, column + 1u, value.y);
        store(row, column + 2u, value.z);
        store(row, column + 3u, value.w);
        return;
    }
    if column < params.n { store(row, column, value.x); }
    if column + 1u < params.n { store(row, column + 1u, value.y); }
    if column + 2u < params.n { store(row, column + 2u, value.z); }
}
