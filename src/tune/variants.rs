//! Which variant each kernel of a run takes, on each of its shapes: as a table, and as a file that repeats the run.

use crate::error::{Error, Result};
use crate::files::{json, write_whole};
use crate::kernel::{Constants, Grid, KernelSpec, Target, Variant};
use crate::plan::{Dispatch, Plan};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

/// Version of the file's format.
const FORMAT: u32 = 2;

/// The key by which variants of dispatches are looked up, as text: the kernel, its grid and its constants, such as
/// `matmul 64×128×784 TRANSPOSE_A=0 TRANSPOSE_B=1`.
///
/// ```
/// use anygrad::kernel::Grid;
/// use anygrad::ops::matmul::SPEC;
/// use anygrad::tune::key;
/// let grid = Grid::Product { m: 64, n: 128, k: 784 };
/// assert_eq!(key(&SPEC, &grid, &[("TRANSPOSE_B", 1)]), "matmul 64×128×784 TRANSPOSE_B=1");
/// ```
pub fn key(kernel: &KernelSpec, grid: &Grid, constants: &Constants) -> String {
    let mut key = format!("{} {grid}", kernel.name);
    for (name, value) in constants {
        let _ = write!(key, " {name}={value}");
    }
    key
}

/// The key of a dispatch.
pub(super) fn key_of(dispatch: &Dispatch) -> String {
    key(dispatch.kernel, &dispatch.grid, &dispatch.specialization)
}

/// Names of variants by the [`key`] of the dispatches that take them. Dispatches that it does not name keep the variant
/// that plans choose without tuning.
///
/// ```
/// use anygrad::tune::Variants;
/// let mut variants = Variants::default();
/// variants.insert("matmul 64×128×784 TRANSPOSE_A=0 TRANSPOSE_B=1", "tiled_64");
/// assert_eq!(variants.iter().next().unwrap().1, "tiled_64");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variants(BTreeMap<String, String>);

/// Content of a file of variants, `variants.json`.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: u32,
    variants: BTreeMap<String, String>,
}

impl Variants {
    /// The variants that a plan uses, of kernels that have more than one.
    pub fn of(plan: &Plan) -> Variants {
        Variants(chosen(plan).map(|dispatch| (key_of(dispatch), dispatch.variant.name.to_string())).collect())
    }

    /// Names the variant for a key.
    pub fn insert(&mut self, key: impl Into<String>, variant: impl Into<String>) {
        self.0.insert(key.into(), variant.into());
    }

    /// Key and variant of each entry.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, variant)| (&key[..], &variant[..]))
    }

    /// Whether it names none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The plan with these variants.
    ///
    /// ```
    /// use anygrad::graph::{DType, Graph, Role};
    /// use anygrad::kernel::Target;
    /// use anygrad::ops::matmul::Matmul;
    /// use anygrad::{plan::Plan, tune::Variants};
    /// let mut graph = Graph::new();
    /// let a = graph.declare("a", [64, 64], DType::F32, Role::Input);
    /// graph.apply(Matmul::NN, &[a, a])?;
    /// let plan = Plan::new(graph, &Target::DOWNLEVEL)?;
    /// let mut variants = Variants::of(&plan);
    /// variants.check_complete(&plan)?;
    /// let key = variants.iter().next().map(|(key, _)| key.to_string()).unwrap_or_default();
    /// variants.insert(key, "tilde");
    /// assert!(variants.apply(plan, &Target::DOWNLEVEL).unwrap_err().to_string().contains("tilde"));
    /// # Ok::<(), anygrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownName`] if a kernel has no variant of that name, [`Error::InvalidOption`] if the variant cannot
    /// run on the target or on the shape.
    pub fn apply(&self, plan: Plan, target: &Target) -> Result<Plan> {
        if self.is_empty() {
            return Ok(plan);
        }
        plan.choose_again(|_, dispatch| match self.0.get(&key_of(dispatch)) {
            None => Ok(dispatch.variant),
            Some(name) => find(dispatch, name, target),
        })
    }

    /// Whether it names the variant of every kernel of the plan that has more than one, and of nothing else: so that
    /// the run is the one that was recorded.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] naming the first kernel that one side lacks.
    pub fn check_complete(&self, plan: &Plan) -> Result<()> {
        let used: BTreeSet<String> = chosen(plan).map(key_of).collect();
        if let Some(key) = self.0.keys().find(|&key| !used.contains(key)) {
            let expected =
                "this run has no such kernel: use the variants of a run of the same model, batch size and device";
            return Err(Error::option("variants", key, expected));
        }
        if let Some(key) = used.iter().find(|&key| !self.0.contains_key(key)) {
            let expected = "the file says nothing of this kernel of the run: use the variants of a run of the same model, \
                            batch size and device, or --tune";
            return Err(Error::option("variants", key, expected));
        }
        Ok(())
    }

    /// The table as JSON, in the format that [`Variants::read`] reads.
    pub fn to_json(&self) -> String {
        let record = Record { format: FORMAT, variants: self.0.clone() };
        serde_json::to_string_pretty(&record).unwrap_or_default() + "\n"
    }

    /// Writes a file that [`Variants::read`] reads, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_whole(path, self.to_json().as_bytes())
    }

    /// Reads a file that [`Variants::write`] wrote.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Data`] if it is not a record of variants.
    pub fn read(path: &Path) -> Result<Variants> {
        let bytes = crate::files::read(path).map_err(|e| Error::io("read", path, e))?;
        let unusable = |reason: String| Error::data(path, "", reason, "use the variants.json of a run folder");
        let record: Record =
            json::parse(&bytes).map_err(|e| unusable(format!("not a record of kernel variants ({e})")))?;
        match record.format {
            FORMAT => Ok(Variants(record.variants)),
            other => Err(unusable(format!("its format is {other}, this program reads {FORMAT}"))),
        }
    }
}

/// The dispatches of kernels that have more than one variant.
fn chosen(plan: &Plan) -> impl Iterator<Item = &Dispatch> {
    let dispatches = plan.phases().iter().flat_map(|phase| &phase.dispatches);
    dispatches.filter(|dispatch| dispatch.kernel.variants.len() > 1)
}

fn find(dispatch: &Dispatch, name: &str, target: &Target) -> Result<&'static Variant> {
    let variants = dispatch.kernel.variants;
    let Some(variant) = variants.iter().find(|variant| variant.name == name) else {
        return Err(Error::unknown("kernel variant", name, variants.iter().map(|variant| variant.name)));
    };
    if !runs(variant, dispatch, target) {
        let name = format!("{}/{name}", dispatch.kernel.name);
        let expected = format!("it cannot run on this device for {}: tune on the device that trains", key_of(dispatch));
        return Err(Error::option("variant", name, &expected));
    }
    Ok(variant)
}

/// Whether a variant can run a dispatch on a target.
pub(super) fn runs(variant: &Variant, dispatch: &Dispatch, target: &Target) -> bool {
    target.can_run(variant) && (variant.accepts)(&dispatch.grid, &dispatch.specialization)
}
