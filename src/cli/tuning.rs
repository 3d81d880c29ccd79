//! Flags that decide which kernel variants a run takes, and where tuned choices are kept.

use super::output::note;
use anygrad::backend::Device;
use anygrad::plan::Plan;
use anygrad::tune::{Effort, Finding, Store, Variants, tune};
use anygrad::{Error, Result};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The flags of `bench`, and of the verbs of one run.
#[derive(Clone, Debug, Default, Args)]
pub struct TuneOptions {
    /// Use the fastest variant of each kernel: as kept from before, else measured now and kept
    #[arg(long)]
    pub tune: bool,
    #[command(flatten)]
    file: TuningFile,
}

/// Where choices are kept.
#[derive(Clone, Debug, Default, Args)]
pub struct TuningFile {
    /// Where the choices of tuning are kept [default: anygrad/tuning.json in your cache folder]
    #[arg(long, value_name = "FILE")]
    tuning_file: Option<PathBuf>,
}

/// The flags of `train` and `plan`.
#[derive(Clone, Debug, Default, Args)]
pub struct VariantOptions {
    #[command(flatten)]
    tuning: TuneOptions,
    /// Use exactly the variants that a run recorded in its variants.json
    #[arg(long, value_name = "FILE", conflicts_with = "tune")]
    variants: Option<PathBuf>,
}

impl VariantOptions {
    /// These flags, with the variants that a run recorded in its folder, if it did.
    pub fn of_run(&self, folder: &Path) -> VariantOptions {
        let recorded = Some(folder.join("variants.json")).filter(|file| file.is_file());
        VariantOptions { variants: recorded.or(self.variants.clone()), ..self.clone() }
    }

    /// Whether a flag asks for other variants than the default ones.
    pub fn any(&self) -> bool {
        self.tuning.tune || self.variants.is_some()
    }

    /// The variants for a run with this plan.
    pub fn choose(&self, device: &Device, plan: impl FnOnce() -> Result<Plan>) -> Result<Variants> {
        let Some(path) = &self.variants else { return self.tuning.choose(device, plan) };
        if matches!(device, Device::Cpu) {
            let expected = "the CPU has one form of each kernel: name the GPU of the recorded run by --device";
            return Err(Error::option("variants", path.display(), expected));
        }
        let variants = Variants::read(path)?;
        variants.check_complete(&plan()?)?;
        Ok(variants)
    }
}

impl TuneOptions {
    /// Tuned variants for a plan, if they are asked for.
    pub fn choose(&self, device: &Device, plan: impl FnOnce() -> Result<Plan>) -> Result<Variants> {
        if !self.tune {
            return Ok(Variants::default());
        }
        if matches!(device, Device::Cpu) {
            note("tuning  the CPU has one form of each kernel");
            return Ok(Variants::default());
        }
        let mut kept = Kept::open(&self.file)?;
        let (start, mut measured, mut known) = (Instant::now(), 0, 0);
        let variants = kept.tune(device, &plan()?, Effort::default(), |finding| {
            struck_off(&finding).iter().for_each(|line| note(line));
            if finding.stored { known += 1 } else { measured += 1 }
        })?;
        let (seconds, path) = (start.elapsed().as_secs_f64(), kept.path.display());
        note(&format!("tuning  {measured} kernels measured in {seconds:.1} s, {known} known, in {path}"));
        Ok(variants)
    }
}

/// A line for each variant that tuning struck off, with the reason.
pub fn struck_off(finding: &Finding<'_>) -> Vec<String> {
    let (kernel, shape) = (finding.tunable.dispatch.kernel.name, &finding.tunable.shape);
    let line = |(variant, reason)| format!("struck off: {kernel}/{variant} on {shape}: {reason}");
    finding.choice.struck_off().map(line).collect()
}

/// The file of tuned choices, and its content.
pub struct Kept {
    path: PathBuf,
    store: Store,
}

impl Kept {
    /// Reads the file, if there is one.
    pub fn open(file: &TuningFile) -> Result<Kept> {
        let path = file.tuning_file.clone().map_or_else(default_path, Ok)?;
        let store = Store::read(&path)?;
        // Rather now than after measuring.
        Store::check_writable(&path)?;
        Ok(Kept { store, path })
    }

    /// Tunes a plan and keeps what is new.
    pub fn tune(
        &mut self,
        device: &Device,
        plan: &Plan,
        effort: Effort,
        mut report: impl FnMut(Finding<'_>),
    ) -> Result<Variants> {
        let start = Instant::now();
        let clock = || start.elapsed().as_secs_f64();
        let before = self.store.clone();
        let outcome = pollster::block_on(tune(device, plan, &mut self.store, effort, &clock, &mut report));
        // Also what was measured before a failure.
        if self.store != before {
            // Another process may have kept something meanwhile.
            let mut all = Store::read(&self.path)?;
            all.take_in(&self.store);
            all.write(&self.path)?;
        }
        outcome
    }
}

/// `anygrad/tuning.json` in the user's folder for caches.
fn default_path() -> Result<PathBuf> {
    let unknown = || Error::option("tuning-file", "", "no folder for caches is known here: name a file");
    Ok(super::cache::folder().ok_or_else(unknown)?.join("tuning.json"))
}
