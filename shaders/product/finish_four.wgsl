// Four neighbours of a finished row of a product, for real GPUs: written out, so that those inside C need no test each.

fn finish_four(row: u32, column: u32, value: vec4<f32>) {
    let index = row * params.n + column;
    if column + 3u < params.n {
        finish(Place(row, column, index), value.x);
        finish(Place(row, column + 1u, index + 1u), value.y);
        finish(Place(row, column + 2u, index + 2u), value.z);
        finish(Place(row, column + 3u, index + 3u), value.w);
        return;
    }
    if column < params.n { finish(Place(row, column, index), value.x); }
    if column + 1u < params.n { finish(Place(row, column + 1u, index + 1u), value.y); }
    if column + 2u < params.n { finish(Place(row, column + 2u, index + 2u), value.z); }
}
