//! Nets as they are named on the command line, their models and their random rows.

use anygrad::Result;
use anygrad::data::{Dataset, Features, Targets};
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::random::{Purpose, Stream, stream_key};
use anygrad::train::Trainer;
use std::fmt;
use std::str::FromStr;

/// Most numbers in one tensor of a net: 1 GiB of them.
const MOST_NUMBERS: u64 = 1 << 28;
/// Batches of an epoch, as far as their rows fit into 32 MiB, and at least a few.
const BATCHES: usize = 32;
const FEWEST_BATCHES: usize = 4;
const NUMBERS_OF_AN_EPOCH: usize = 1 << 23;

/// Widths from the input to the output, and rows of a batch: `784-128-10@64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Net {
    pub widths: Vec<usize>,
    pub batch: usize,
}

/// The nets that are measured unless others are named.
pub fn defaults() -> Vec<Net> {
    let net = |widths: &[usize], batch| Net { widths: widths.to_vec(), batch };
    vec![
        net(&[128, 64, 64, 10], 16),
        net(&[784, 128, 10], 64),
        net(&[784, 512, 256, 10], 128),
        net(&[784, 1024, 1024, 10], 1024),
    ]
}

impl FromStr for Net {
    type Err = String;

    fn from_str(text: &str) -> Result<Net, String> {
        let wrong = |why: &str| format!("{why}; write widths and a batch size, such as 784-128-10@64");
        let (widths, batch) = text.split_once('@').ok_or_else(|| wrong("there is no @ with the batch size"))?;
        let number = |part: &str| {
            let number = part.trim().parse::<usize>().ok().filter(|&n| n > 0);
            number.ok_or_else(|| wrong(&format!("`{part}` is not a number from 1")))
        };
        let widths = widths.split('-').map(number).collect::<Result<Vec<_>, _>>()?;
        let batch = number(batch)?;
        match widths.last() {
            Some(&outputs) if widths.len() >= 2 && outputs >= 2 => {}
            Some(_) if widths.len() < 2 => return Err(wrong("one width is no net, it takes an input and an output")),
            _ => return Err(wrong("the last width is the number of classes, at least 2")),
        }
        let tensors = widths.iter().map(|&width| (width, batch)).chain(widths.windows(2).map(|w| (w[0], w[1])));
        for (a, b) in tensors {
            if (a as u64).checked_mul(b as u64).is_none_or(|n| n > MOST_NUMBERS) {
                return Err(wrong(&format!("a tensor of {a} × {b} numbers is larger than 1 GiB")));
            }
        }
        Ok(Net { widths, batch })
    }
}

/// The widths without the batch size: `784-128-10`.
impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<String> = self.widths.iter().map(ToString::to_string).collect();
        f.write_str(&widths.join("-"))
    }
}

impl Net {
    /// Number of batches in an epoch.
    pub fn batches(&self) -> usize {
        let row = self.widths[0] * self.batch;
        (NUMBERS_OF_AN_EPOCH / row).clamp(FEWEST_BATCHES, BATCHES)
    }

    /// The model: linear layers with ReLU between them.
    pub fn model(&self) -> Sequential {
        let last = self.widths.len() - 1;
        let mut model = Sequential::new(self.widths[0]);
        for (layer, &width) in self.widths.iter().enumerate().skip(1) {
            model = model.linear(width);
            if layer < last {
                model = model.relu();
            }
        }
        model
    }

    /// A trainer of the model with cross-entropy and SGD with learning rate 0.01, on the CPU.
    pub fn trainer(&self) -> Trainer {
        Trainer::new(self.model(), Loss::cross_entropy(), Sgd::new(0.01)).batch_size(self.batch)
    }

    /// Random rows for this many batches.
    pub fn data(&self, batches: usize) -> Result<Dataset> {
        let (rows, classes) = (batches * self.batch, self.widths[self.widths.len() - 1]);
        let mut stream = Stream::new(stream_key(0, Purpose::Synthetic, 0));
        // Sums of uniform numbers are quick to draw and as good as normal ones here.
        let mut number = || 2.0 * (stream.next_unit() + stream.next_unit() - 1.0);
        let features =
            Features::F32 { width: self.widths[0], data: (0..rows * self.widths[0]).map(|_| number()).collect() };
        let targets = Targets::Labels {
            name: "class".into(),
            classes: (0..classes).map(|class| class.to_string()).collect(),
            data: (0..rows).map(|_| (stream.next_unit() * classes as f32) as u32).collect(),
        };
        Dataset::new("random", features, targets)
    }
}

#[cfg(test)]
mod tests {
    use super::Net;

    #[test]
    fn nets_are_read_as_written() {
        let net: Net = "784-128-10@64".parse().unwrap();
        assert_eq!((net.to_string().as_str(), net.batch), ("784-128-10", 64));
        for wrong in ["", "abc", "784", "784@64", "784-10", "784-0-10@64", "784-10@0", "784-1@64", "9-9@99999999999"] {
            let why = wrong.parse::<Net>().unwrap_err();
            assert!(why.contains("784-128-10@64"), "{wrong}: {why}");
        }
    }
}
