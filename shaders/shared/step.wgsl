// Where a run stands; twin of StepState in src/kernel/params.rs.

struct StepState {
    step: u32,
    epoch: u32,
    batch_start: u32,
    slot: u32,
    learning_rate: f32,
}
