//! Launches: what a device is given at once.
//!
//! Mostly one dispatch. Neighbours that do not wait for each other, such as the updates of two layers, run side by side
//! in one launch: a device starts few kernels as long as it starts one, and small ones do not occupy it. And a dispatch
//! that would hold a slow device for more than 100 ms is spread over several launches, each with a part of its
//! workgroups.

use super::memory::check_exclusive;
use super::{BoundBuffer, Dispatch, Phase, Plan};
use crate::error::Result;
use crate::kernel::{Class, Tile, Workgroups, combine, linear_grid};
use std::ops::Range;

/// One submission unit of a phase: kernels, or parts of one, that a device runs side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// What runs side by side.
    pub parts: Vec<Part>,
}

/// Some or all workgroups of a dispatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Position in [`Phase::dispatches`].
    pub dispatch: usize,
    /// The numbers of the workgroups.
    pub groups: Range<u32>,
    /// How many workgroups the dispatch has.
    pub of: u32,
}

impl Part {
    fn whole(dispatch: usize, of: &Dispatch) -> Part {
        let of = of.workgroups.iter().product();
        Part { dispatch, groups: 0..of, of }
    }

    /// Whether the dispatch is done with this part.
    pub fn is_last(&self) -> bool {
        self.groups.end == self.of
    }
}

impl Launch {
    /// The dispatch that it runs, if that is all it does.
    pub fn single(&self) -> Option<usize> {
        match &self.parts[..] {
            [part] if part.groups == (0..part.of) => Some(part.dispatch),
            _ => None,
        }
    }
}

impl Phase {
    /// The dispatches of which a launch runs all or a part.
    pub fn dispatches_of<'a>(&'a self, launch: &'a Launch) -> impl Iterator<Item = &'a Dispatch> + Clone {
        launch.parts.iter().map(|part| &self.dispatches[part.dispatch])
    }

    /// The positions of the launches that run the dispatch at a position: several if it is in parts.
    pub fn launches_of(&self, dispatch: usize) -> impl Iterator<Item = usize> {
        let runs = move |launch: &Launch| launch.parts.iter().any(|part| part.dispatch == dispatch);
        self.launches.iter().enumerate().filter(move |(_, launch)| runs(launch)).map(|(at, _)| at)
    }

    /// The uniform of a launch that is not one whole dispatch.
    pub fn launch_bytes(&self, launch: &Launch) -> Vec<u8> {
        combine::launch_bytes(launch.parts.iter().map(|part| {
            let groups = combine::Groups { first: part.groups.start, count: part.groups.len() as u32, of: part.of };
            (groups, &self.dispatches[part.dispatch].params[..])
        }))
    }

    /// The kernels of a launch with their variants.
    pub fn kernels_of(&self, launch: &Launch) -> String {
        let name = |d: &Dispatch| format!("{}/{}", d.kernel.name, d.variant.name);
        self.dispatches_of(launch).map(name).collect::<Vec<_>>().join(" + ")
    }

    /// The labels of the dispatches of a launch, joined by ` + `.
    pub fn labels_of(&self, launch: &Launch) -> String {
        self.dispatches_of(launch).map(|dispatch| &dispatch.label[..]).collect::<Vec<_>>().join(" + ")
    }

    /// The sum of a quantity over a launch, of a dispatch in parts the part's share.
    pub fn share_of(&self, launch: &Launch, quantity: impl Fn(&Dispatch) -> u64) -> u64 {
        let share = |part: &Part| {
            let all = u128::from(quantity(&self.dispatches[part.dispatch]));
            let before = |group: u32| (all * u128::from(group) / u128::from(part.of.max(1))) as u64;
            before(part.groups.end) - before(part.groups.start)
        };
        launch.parts.iter().map(share).sum()
    }

    /// The workgroups of a launch.
    pub fn workgroups_of(&self, launch: &Launch) -> Workgroups {
        match launch.single() {
            Some(dispatch) => self.dispatches[dispatch].workgroups,
            None => linear_grid(launch.parts.iter().map(|part| part.groups.len() as u64).sum()),
        }
    }
}

impl Plan {
    /// Puts the dispatches into launches, from the stages and the variants.
    pub(super) fn set_launches(&mut self) -> Result<()> {
        let launches: Vec<Vec<Launch>> = self
            .phases
            .iter()
            .zip(&self.stages)
            .map(|(phase, stages)| stages.iter().flat_map(|stage| self.launches_of(phase, stage.clone())).collect())
            .collect();
        for (phase, launches) in self.phases.iter_mut().zip(launches) {
            phase.launches = launches;
            for launch in &phase.launches {
                let kernels: Vec<&[BoundBuffer]> = phase.dispatches_of(launch).map(|d| &d.buffers[..]).collect();
                check_exclusive(&phase.labels_of(launch), &kernels)?;
            }
        }
        Ok(())
    }

    /// The launches of a stage: those that can be one launch together, and long ones in parts.
    fn launches_of(&self, phase: &Phase, stage: Range<usize>) -> Vec<Launch> {
        let mut launches: Vec<Launch> = Vec::new();
        for at in stage {
            let dispatch = &phase.dispatches[at];
            let whole = Part::whole(at, dispatch);
            let pieces = self.target.budget.launches(dispatch.flops, self.bytes_moved(dispatch), whole.of.into());
            if pieces > 1 && combine::can_combine(dispatch.kernel) {
                launches.extend(divide(&whole, pieces).map(|part| Launch { parts: vec![part] }));
            } else if let Some(launch) = launches.iter_mut().find(|launch| self.takes(phase, launch, dispatch)) {
                launch.parts.push(whole);
            } else {
                launches.push(Launch { parts: vec![whole] });
            }
        }
        launches
    }

    /// Whether a launch of the same stage has room for a dispatch.
    fn takes(&self, phase: &Phase, launch: &Launch, dispatch: &Dispatch) -> bool {
        let together = || phase.dispatches_of(launch).chain(std::iter::once(dispatch));
        let workgroup_bytes = combine::workgroup_bytes(together().map(|d| d.variant));
        let (flops, bytes) = (together().map(|d| d.flops).sum(), together().map(|d| self.bytes_moved(d)).sum());
        // Drivers take twice as long to compile larger tiles in registers as one kernel.
        let is_large = |d: &Dispatch| matches!(d.variant.tile, Tile::Invocation { rows: 8.., .. });
        !together().any(|other| other.variant.class == Class::Registers && is_large(other))
            && together().all(|other| other.variant.workgroup_size == dispatch.variant.workgroup_size)
            && workgroup_bytes <= self.target.workgroup_bytes
            && self.target.budget.launches(flops, bytes, u64::MAX) == 1
    }
}

/// Divides a dispatch into a number of parts of about one size.
fn divide(whole: &Part, pieces: u64) -> impl Iterator<Item = Part> {
    let (dispatch, of) = (whole.dispatch, whole.of);
    let pieces = pieces.clamp(1, u64::from(of.max(1)));
    let edge = move |piece: u64| (u64::from(of) * piece / pieces) as u32;
    (0..pieces).map(move |piece| Part { dispatch, groups: edge(piece)..edge(piece + 1), of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_dispatch_without_overlap() {
        for (of, pieces) in [(7, 3), (5, 9), (1, 1), (70_000, 4)] {
            let whole = Part { dispatch: 0, groups: 0..of, of };
            let parts: Vec<Part> = divide(&whole, pieces).collect();
            assert_eq!(parts.iter().map(|part| part.groups.len()).sum::<usize>(), of as usize);
            assert!(parts.windows(2).all(|pair| pair[0].groups.end == pair[1].groups.start));
            assert!(parts.iter().all(|part| !part.groups.is_empty()));
            assert!(parts.iter().filter(|part| part.is_last()).count() == 1);
        }
    }
}
