//! How rows come to the device: all before the first step, or window by window while it works.
//!
//! A window holds the rows of a few batches in the epoch's order. The host knows that order
//! ([`Permutation`](crate::random::Permutation)), so it gathers the rows of the next window while the device works on
//! the one before. On the device a window is in its own order, and all else is as with rows that stay there: the same
//! kernels on the same numbers, and so the same bits.

use super::epoch::{Batches, Window};
use super::program::Program;
use super::resident::ResidentRows;
use crate::backend::{Executor, Staging};
use crate::data::{Dataset, Targets};
use crate::error::Result;
use crate::graph::{PhaseId, ValueId};
use crate::kernel::Clock;
use crate::random::{Key, Permutation};

/// Bytes of a window below which a thread to gather it takes longer than it saves.
const THREAD_BYTES: u64 = 1 << 20;
/// Bytes of features that are gathered at a time for a device with memory of its own.
const PART_BYTES: usize = 16 << 20;

/// The rows of a run on their way to the device.
#[derive(Debug)]
pub(super) struct Feeds<'d> {
    train: Option<Feed<'d>>,
    held_out: Option<Feed<'d>>,
    /// Windows that were brought to the device.
    pub windows: u64,
}

/// The rows of one pass, in windows.
#[derive(Debug)]
struct Feed<'d> {
    gather: Gather<'d>,
    /// What the next window is gathered in.
    staging: Stages,
    /// The window in `staging`.
    staged: Option<Window>,
    /// The window on the device.
    loaded: Option<Window>,
}

/// What rows are gathered in: features, targets, and weights if they have any.
#[derive(Debug)]
struct Stages {
    features: Staging,
    targets: Staging,
    weights: Option<Staging>,
}

impl Stages {
    fn of(rows: &ResidentRows, mut room: impl FnMut(ValueId) -> Result<Staging>) -> Result<Stages> {
        let (features, targets) = (room(rows.features)?, room(rows.targets)?);
        Ok(Stages { features, targets, weights: rows.weights.map(room).transpose()? })
    }

    /// The values with what is gathered for them.
    fn of_values<'s>(&'s self, rows: &ResidentRows) -> impl Iterator<Item = (ValueId, &'s Staging)> + use<'s> {
        [(rows.features, &self.features), (rows.targets, &self.targets)]
            .into_iter()
            .chain(rows.weights.zip(self.weights.as_ref()))
    }

    fn iter(&self) -> impl Iterator<Item = &Staging> {
        [&self.features, &self.targets].into_iter().chain(&self.weights)
    }
}

/// What is gathered from.
#[derive(Debug)]
struct Gather<'d> {
    data: &'d Dataset,
    rows: ResidentRows,
    batches: Batches,
    /// Stream of the order, `None` for the dataset's own.
    key: Option<Key>,
}

impl<'d> Feeds<'d> {
    /// Brings to the device what stays there, and makes room on the host for windows of the rest.
    pub fn open(
        executor: &mut Executor,
        program: &Program,
        train: &'d Dataset,
        held_out: Option<&'d Dataset>,
    ) -> Result<Feeds<'d>> {
        let batches = program.epoch.train.batches;
        let train = Gather { data: train, rows: program.train, batches, key: program.key }.open(executor)?;
        let held_out = match (held_out, program.test, program.epoch.eval) {
            (Some(data), Some(rows), Some(pass)) => {
                Gather { data, rows, batches: pass.batches, key: None }.open(executor)?
            }
            _ => None,
        };
        Ok(Feeds { train, held_out, windows: 0 })
    }

    /// Bytes of main memory in which windows are gathered.
    pub fn bytes(&self) -> u64 {
        let feeds = [&self.train, &self.held_out].into_iter().flatten();
        feeds.flat_map(|feed| feed.staging.iter()).map(Staging::bytes).sum()
    }

    /// Runs phases that take rows from a window, if they do. While they run, the window after it is gathered, but for
    /// one of an epoch after the last.
    pub fn run(
        &mut self,
        executor: &mut Executor,
        runs: &[(PhaseId, Clock)],
        window: Option<Window>,
        epochs: u64,
    ) -> Result<()> {
        let feed = match window {
            Some(Window { training: true, .. }) => self.train.as_mut(),
            _ => self.held_out.as_mut(),
        };
        let Some((window, feed)) = window.zip(feed) else { return executor.run(runs) };
        self.windows += u64::from(feed.load(executor, window)?);
        let Feed { gather, staging, staged, .. } = feed;
        let next = gather.after(window);
        if *staged == Some(next) || u64::from(next.epoch) > epochs {
            return executor.run(runs);
        }
        // What fails here is tried again, and reported, when the window is needed.
        let bytes: u64 = staging.iter().map(Staging::bytes).sum();
        let mut work = || *staged = gather.window(next, staging).ok().map(|()| next);
        if bytes < THREAD_BYTES {
            executor.run(runs)?;
            work();
            return Ok(());
        }
        executor.run_beside(runs, work)
    }
}

impl Feed<'_> {
    /// Has a window on the device. Returns whether it had to be brought there.
    fn load(&mut self, executor: &mut Executor, window: Window) -> Result<bool> {
        if self.loaded == Some(window) {
            return Ok(false);
        }
        if self.staged.take() != Some(window) {
            self.gather.window(window, &mut self.staging)?;
        }
        self.loaded = None;
        self.gather.give(executor, &mut self.staging)?;
        self.loaded = Some(window);
        Ok(true)
    }
}

impl<'d> Gather<'d> {
    /// Rows that stay on the device are brought there; others are fed from now on.
    fn open(self, executor: &mut Executor) -> Result<Option<Feed<'d>>> {
        if self.batches.window.is_some() {
            let staging = Stages::of(&self.rows, |value| executor.staging(value))?;
            return Ok(Some(Feed { gather: self, staging, staged: None, loaded: None }));
        }
        let all = self.rows.held;
        if executor.is_on_host() {
            let mut staging = Stages::of(&self.rows, |value| executor.take_staging(value))?;
            self.rows(all, |i| i, &mut staging)?;
            self.give(executor, &mut staging)?;
            return Ok(None);
        }
        // In parts, because what is on its way to the device takes memory, too; of bytes each begins with a word.
        let part = (PART_BYTES / self.rows.kind.feature_bytes().max(1)).next_multiple_of(4).max(4).min(all);
        let mut staging = Stages::of(&self.rows, |value| executor.part_staging(value, part, all))?;
        for first in (0..all).step_by(part) {
            let rows = first..all.min(first + part);
            self.rows(rows.len(), |i| first + i, &mut staging)?;
            for (value, part) in staging.of_values(&self.rows) {
                executor.write_part(value, rows.clone(), all, part)?;
            }
        }
        Ok(None)
    }

    /// The window that comes after one in the course of a run.
    fn after(&self, window: Window) -> Window {
        if window.number + 1 < self.batches.windows() {
            return Window { number: window.number + 1, ..window };
        }
        Window { epoch: window.epoch.wrapping_add(1), number: 0, ..window }
    }

    /// Gathers the rows of a window.
    fn window(&self, window: Window, staging: &mut Stages) -> Result<()> {
        let (first, all) = (window.number * self.rows.held, self.rows.kind.rows);
        let count = self.rows.held.min(all - first);
        match self.key {
            Some(key) => {
                let order = Permutation::new(key, window.epoch, all as u32);
                let rows: Vec<u32> = (first..first + count).map(|i| order.at(i as u32)).collect();
                self.rows(count, |i| rows[i] as usize, staging)
            }
            None => self.rows(count, |i| first + i, staging),
        }
    }

    /// Gathers `count` rows as the device is to have them: prepared, the `i`-th being the dataset's row `row(i)`.
    fn rows(&self, count: usize, row: impl Fn(usize) -> usize + Sync, staging: &mut Stages) -> Result<()> {
        let (data, Stages { features, targets, weights }) = (self.data, staging);
        let numbers = count * self.rows.kind.width;
        if self.rows.kind.byte_scale.is_some() {
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(features.words_mut());
            data.features.copy_bytes(&row, &mut bytes[..numbers])?;
        } else {
            let floats = &mut features.floats_mut()[..numbers];
            data.features.copy_floats(&row, floats)?;
            data.preprocessing.apply(floats);
        }
        if let (Some(gathered), Some(weights)) = (weights, &data.weights) {
            let gathered = gathered.floats_mut()[..count].iter_mut().enumerate();
            gathered.for_each(|(i, weight)| *weight = weights[row(i)]);
        }
        match &data.targets {
            Targets::Labels { data: labels, .. } => {
                let gathered = targets.words_mut()[..count].iter_mut().enumerate();
                gathered.for_each(|(i, label)| *label = labels[row(i)]);
            }
            Targets::Values { names, data: values } => {
                let (width, gathered) = (names.len(), targets.floats_mut());
                let gathered = &mut gathered[..count * width];
                for (i, of_row) in gathered.chunks_exact_mut(width).enumerate() {
                    of_row.copy_from_slice(&values[row(i) * width..][..width]);
                }
                data.target_preprocessing.apply(gathered);
            }
        }
        Ok(())
    }

    /// Gives what was gathered to the device.
    fn give(&self, executor: &mut Executor, staging: &mut Stages) -> Result<()> {
        executor.exchange(self.rows.features, &mut staging.features)?;
        if let (Some(value), Some(weights)) = (self.rows.weights, &mut staging.weights) {
            executor.exchange(value, weights)?;
        }
        executor.exchange(self.rows.targets, &mut staging.targets)
    }
}
