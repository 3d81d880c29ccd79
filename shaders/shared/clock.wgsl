// Where a run stands, as the host tells it with each step; twin of src/kernel/clock.rs.

struct Clock {
    step: u32,
    epoch: u32,
    batch_start: u32,
    slot: u32,
    first_row: u32,
    learning_rate: f32,
}
