// Adds a row vector to each row: the bias of a layer.

@group(0) @binding(0) var<storage, read> bias: array<Cell>;

fn add_bias(at: Place, x: Cell) -> Cell {
    return x + bias[at.column];
}
