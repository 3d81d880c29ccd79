// Four neighbours of a finished row of a product whose chain draws random numbers: for all four at once, because neighbours
// share a call of the generator.

fn finish_inside(row: u32, column: u32, value: f32, kept: bool) {
    if column < params.n {
        finish_drawn(Place(row, column, row * params.n + column), value, kept);
    }
}

fn finish_four(row: u32, column: u32, value: vec4<f32>) {
    let kept = draw_four(row * params.n + column);
    finish_inside(row, column, value.x, kept.x);
    finish_inside(row, column + 1u, value.y, kept.y);
    finish_inside(row, column + 2u, value.z, kept.z);
    finish_inside(row, column + 3u, value.w, kept.w);
}
