//! What a page can ask of a run.

use anygrad::data::{Dataset, Split};
use anygrad::{Error, Result};

/// A request to a run.
pub enum Command {
    /// What the run is: device, model, rows, forecast.
    Describe,
    /// So many steps more.
    Steps(u64),
    /// Have the host keep the state, to go back to if the device is lost.
    Keep,
    /// The figures of the model on some rows.
    Evaluate(Part),
    /// The figures of the run at its end.
    Outcome {
        /// Seconds that the training took.
        seconds: f64,
    },
    /// What the model makes of rows of raw features, at the end and after each layer.
    View(Vec<f32>),
    /// One step on a training row, in formulas.
    Explain(usize),
    /// The model's file.
    Model,
    /// The hash of the weights.
    Hash,
    /// Everything that the rest of the run depends on.
    Snapshot,
    /// Go on from a snapshot.
    Restore(Vec<u8>),
    /// Rows and targets, for pictures.
    Rows(Part),
    /// Lose the device, to try what happens then.
    Lose,
}

/// Some of the rows.
#[derive(Clone, Copy)]
pub enum Part {
    Train,
    Validation,
    Test,
}

impl Part {
    /// The part of this name.
    pub fn named(name: &str) -> Result<Part> {
        match name {
            "train" => Ok(Part::Train),
            "validation" => Ok(Part::Validation),
            "test" => Ok(Part::Test),
            _ => Err(Error::option("part", name, "must be train, validation or test")),
        }
    }

    /// Its rows.
    pub fn of(self, data: &Split) -> Result<&Dataset> {
        let rows = match self {
            Part::Train => Some(&data.train),
            Part::Validation => data.validation.as_ref(),
            Part::Test => Some(&data.test),
        };
        rows.filter(|rows| rows.rows() > 0).ok_or_else(|| {
            Error::option(
                "part",
                "without rows",
                "the recipe holds none back: set data.test_fraction or data.validation_fraction",
            )
        })
    }
}
