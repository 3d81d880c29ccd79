// What a part of a kernel may rely on. An editor, and a test, put this file in front of a part to validate it by itself. In a
// kernel the linker (src/kernel/link.rs) puts the real thing here: constants from the Rust tables, the parameters of all
// parts as one struct, and the functions of the parts around it.

const WORKGROUP_SIZE: u32 = 64u;
// How many elements a cell holds: 1, or 4 neighbours.
const CELL: u32 = 1u;
alias Elem = f32;
alias Cell = f32;

// An element that a stage is given: its row, its column, and its number, row-major. Columns and numbers count cells.
struct Place {
    row: u32,
    column: u32,
    index: u32,
}

// Where the run stands: see shared/clock.wgsl.
struct Clock {
    step: u32,
    epoch: u32,
    batch_start: u32,
    slot: u32,
    first_row: u32,
    learning_rate: f32,
}
@group(0) @binding(100) var<uniform> clock: Clock;

// Of a product: rows and columns of C, terms of each sum. Of a map: how many elements, and how many in a row.
struct Params {
    m: u32,
    n: u32,
    k: u32,
    count: u32,
    columns: u32,
}
@group(0) @binding(101) var<uniform> params: Params;

// Whether the factors are stored transposed: A as [K, M], B as [N, K].
const TRANSPOSE_A: u32 = 0u;
const TRANSPOSE_B: u32 = 0u;

// Operands call their own cells so; in a kernel these are those of A or of B.
const OWN_CELL: u32 = 1u;
alias OwnCell = f32;
const A_CELL: u32 = 1u;
const B_CELL: u32 = 1u;

// Numbers of the variants of products.
const TILE_M: u32 = 32u;
const TILE_N: u32 = 32u;
const TILE_K: u32 = 16u;
const THREAD_M: u32 = 4u;
const THREAD_N: u32 = 4u;
const SLICES: u32 = 16u;
const BLOCKS: u32 = 2u;
const ALIGNED: u32 = 1u;

// Workgroup memory of a product.
var<workgroup> scratch: array<vec4<f32>, 1024>;

// What products call of their operands (operand/): four neighbours from 4 * index on of row `row` as stored, in rows of
// `length`, past the end of the row the last element; where such a row begins, and the same from there, where rows are whole fours; one
// element; one element by its number.
fn a_four(row: u32, index: u32, length: u32) -> vec4<f32> {
    return vec4<f32>();
}
fn b_four(row: u32, index: u32, length: u32) -> vec4<f32> {
    return vec4<f32>();
}
fn a_start(row: u32, length: u32) -> u32 {
    return 0u;
}
fn b_start(row: u32, length: u32) -> u32 {
    return 0u;
}
fn a_four_from(start: u32, index: u32) -> vec4<f32> {
    return vec4<f32>();
}
fn b_four_from(start: u32, index: u32) -> vec4<f32> {
    return vec4<f32>();
}
fn a_one(row: u32, column: u32, length: u32) -> f32 {
    return 0.0;
}
fn b_one(row: u32, column: u32, length: u32) -> f32 {
    return 0.0;
}
fn a_one_at(number: u32) -> f32 {
    return 0.0;
}
fn b_one_at(number: u32) -> f32 {
    return 0.0;
}
// Words of 64 bits: the cell of that number, two or four elements.
fn a_pair_at(number: u32) -> vec2<f32> {
    return vec2<f32>();
}
fn b_pair_at(number: u32) -> vec2<f32> {
    return vec2<f32>();
}
fn a_four_at(number: u32) -> vec4<f32> {
    return vec4<f32>();
}
fn b_four_at(number: u32) -> vec4<f32> {
    return vec4<f32>();
}

// What becomes of a finished element: the chain of stages, generated. Of the row sums of op(A): a chain of their own.
fn finish(at: Place, value: Cell) {
}
fn finish_beside(at: Place, value: f32) {
}

// Where a stage draws random numbers: whether the elements from `index` on are kept, and what becomes of one.
fn draw_four(index: u32) -> vec4<bool> {
    return vec4<bool>();
}
fn finish_drawn(at: Place, value: f32, kept: bool) {
}
