//! `anygrad pack`

use super::output::{note, print_line, thousands};
use anygrad::data::packed::pack_split;
use anygrad::data::{Fractions, Source, TargetKind, load};
use anygrad::{Error, Result};
use clap::Args;
use std::path::PathBuf;

/// The flags of `pack`.
#[derive(Debug, Args)]
pub struct PackOptions {
    /// What `train --data` takes: digits, mnist:DIR, cifar10:DIR, a CSV file, …
    source: Source,
    /// The file to write; its name ends in .anygrad
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The CSV column to predict, or several: a,b,c [default: the last]
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Share of the rows held back for testing
    #[arg(long, value_name = "F", default_value_t = 0.2)]
    test_fraction: f32,
    /// Share of the training rows to watch while training
    #[arg(long, value_name = "F", default_value_t = 0.0)]
    validation_fraction: f32,
    /// Decides the split
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// Loads, splits and packs.
pub fn run(options: &PackOptions) -> Result<()> {
    if !matches!(options.out.to_string_lossy().parse(), Ok(Source::Packed(_))) {
        let expected = "a packed file is known by its ending: name it FILE.anygrad";
        return Err(Error::option("out", options.out.display(), expected));
    }
    let fractions = Fractions { test: options.test_fraction, validation: options.validation_fraction };
    let split = load(&options.source, options.target.as_deref(), TargetKind::Auto, fractions, options.seed)?;
    let validation = split.validation.as_ref().map_or(String::new(), |v| format!(", {} validation", v.rows()));
    let (source, train, test) = (&options.source, split.train.rows(), split.test.rows());
    note(&format!("data    {source}, {train} training{validation} and {test} test rows"));
    pack_split(&split, &options.out)?;
    let bytes = std::fs::metadata(&options.out).map_err(|e| Error::io("read", &options.out, e))?.len();
    print_line(&format!("{}  {} bytes", options.out.display(), thousands(bytes as f64)));
    Ok(())
}
