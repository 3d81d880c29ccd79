// Four neighbours of a finished row of a product, for drivers that run on a CPU: a loop of a length unknown to the
// compiler, because they take long to compile each store.

fn finish_four(row: u32, column: u32, value: vec4<f32>) {
    let columns = min(max(params.n, column) - column, 4u);
    for (var i = 0u; i < columns; i++) {
        let odd = (i & 1u) != 0u;
        let element = select(select(value.x, value.y, odd), select(value.z, value.w, odd), i >= 2u);
        finish(Place(row, column + i, row * params.n + column + i), element);
    }
}
