//! `anygrad pack`

use super::data_options::DataFlags;
use super::output::{ReadingBar, note, print_line, thousands};
use super::sink::taken;
use anygrad::data::packed::pack_source;
use anygrad::data::{DataOptions, Source};
use anygrad::{Error, Result};
use clap::Args;
use std::path::PathBuf;

/// The flags of `pack`.
#[derive(Debug, Args)]
pub struct PackOptions {
    /// What `train --data` takes: a table, digits, mnist:DIR, cifar10:DIR, …
    source: Source,
    /// The file to write; its name ends in .anygrad
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    data: DataFlags,
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
    if options.out.exists() {
        return Err(taken(&options.out));
    }
    let mut data = DataOptions::default();
    options.data.overlay(&mut data);
    data.source = options.source.clone();
    let reading = ReadingBar::new();
    let split = pack_source(&data, options.seed, &options.out, Some(&|done, all| reading.show(done, all)))?;
    drop(reading);
    split.decisions.iter().for_each(|decision| note(decision));
    let validation = split.validation.as_ref().map_or(String::new(), |v| format!(", {} validation", v.rows()));
    let (source, train, test) = (&options.source, split.train.rows(), split.test.rows());
    note(&format!("data    {source}, {train} training{validation} and {test} test rows"));
    let bytes = std::fs::metadata(&options.out).map_err(|e| Error::io("read", &options.out, e))?.len();
    print_line(&format!("{}  {} bytes", options.out.display(), thousands(bytes as f64)));
    Ok(())
}
