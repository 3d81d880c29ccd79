//! What tuning found out about one kernel on one shape.

use serde::{Deserialize, Serialize};

/// The choice of tuning for one kernel on one shape, with its measurements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Name of the fastest variant among those whose results are right.
    pub variant: String,
    /// Name of the variant that plans take without tuning.
    pub default: String,
    /// All variants that the device can run on the shape.
    pub candidates: Vec<Candidate>,
}

/// One variant as it was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Name of the variant.
    pub variant: String,
    /// Seconds of a dispatch, in the measurement by which the fastest was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Seconds of a dispatch in a second measurement, after the choice: there is one for the default, and for all
    /// variants not much slower than the fastest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<f64>,
    /// Why the variant was struck off: it is wrong on this device, or does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub struck_off: Option<String>,
}

impl Choice {
    /// The candidate with this variant's name.
    pub fn candidate(&self, variant: &str) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.variant == variant)
    }

    /// Name and reason of each variant that was struck off.
    pub fn struck_off(&self) -> impl Iterator<Item = (&str, &str)> {
        self.candidates.iter().filter_map(|candidate| Some((&candidate.variant[..], candidate.struck_off.as_deref()?)))
    }

    /// Seconds of a dispatch of a variant in the second measurement, if it took part.
    pub fn seconds(&self, variant: &str) -> Option<f64> {
        self.candidate(variant)?.again
    }

    /// Speed of a variant as a share of the fastest variant's, from 0 to 1, both by the second measurement. The chosen
    /// variant need not be the fastest there, since the first measurement chose it. `None` if it was struck off.
    pub fn share(&self, variant: &str) -> Option<f64> {
        let least = self.candidates.iter().filter_map(|candidate| candidate.again).fold(f64::INFINITY, f64::min);
        Some(least / self.seconds(variant)?)
    }

    /// Whether the chosen variant is among the candidates, was measured and not struck off.
    pub(super) fn is_sound(&self) -> bool {
        let is_positive = |x: Option<f64>| x.is_none_or(|x| x.is_finite() && x > 0.0);
        self.candidate(&self.variant).is_some_and(|winner| winner.seconds.is_some() && winner.struck_off.is_none())
            && self.candidates.iter().all(|candidate| is_positive(candidate.seconds) && is_positive(candidate.again))
    }
}
