//! What tuning found out about one kernel on one shape.

use serde::{Deserialize, Serialize};

/// The variant to take, and what the measurements said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The fastest of the variants that are right.
    pub variant: String,
    /// The variant that plans take without tuning.
    pub default: String,
    /// All that the device can run on the shape.
    pub candidates: Vec<Candidate>,
}

/// One variant as it was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its name.
    pub variant: String,
    /// Seconds of a dispatch, in the measurement that chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Seconds of a dispatch, measured again after the choice: of the default, and of all not much slower than the best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<f64>,
    /// Why it takes no part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub struck_off: Option<String>,
}

impl Choice {
    /// What is known of a variant.
    pub fn candidate(&self, variant: &str) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.variant == variant)
    }

    /// Variants that took no part, with the reason.
    pub fn struck_off(&self) -> impl Iterator<Item = (&str, &str)> {
        self.candidates.iter().filter_map(|candidate| Some((&candidate.variant[..], candidate.struck_off.as_deref()?)))
    }

    /// Seconds of a variant in the second measurement.
    pub fn seconds(&self, variant: &str) -> Option<f64> {
        self.candidate(variant)?.again
    }

    /// The speed of a variant as a share of the fastest, in the second measurement: what was chosen is not the fastest
    /// there by definition. `None` if it was struck off.
    pub fn share(&self, variant: &str) -> Option<f64> {
        let least = self.candidates.iter().filter_map(|candidate| candidate.again).fold(f64::INFINITY, f64::min);
        Some(least / self.seconds(variant)?)
    }

    /// Whether it names its own winner, measured and not struck off.
    pub(super) fn is_sound(&self) -> bool {
        let is_positive = |x: Option<f64>| x.is_none_or(|x| x.is_finite() && x > 0.0);
        self.candidate(&self.variant).is_some_and(|winner| winner.seconds.is_some() && winner.struck_off.is_none())
            && self.candidates.iter().all(|candidate| is_positive(candidate.seconds) && is_positive(candidate.again))
    }
}
