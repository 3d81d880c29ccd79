//! Files that a program holds in memory: what a browser was given, which has no others.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files in memory, by the paths under which a recipe names them: tables of text, and models to go on with.
///
/// ```
/// use anygrad::data::HeldFiles;
/// use anygrad::train::{Recipe, Trainer};
/// let rows: String = (0..40).map(|x| format!("{x},{}\n", if x < 20 { "low" } else { "high" })).collect();
/// let files = HeldFiles::default().with("steps.csv", format!("x,level\n{rows}"));
/// let mut recipe = Recipe::default();
/// recipe.data.source = "steps.csv".parse()?;
/// let data = recipe.load_held(&files)?;
/// assert_eq!((data.train.rows(), data.test.rows()), (32, 8));
/// let trainer = Trainer::of_held(recipe, &data, &files)?;
/// assert_eq!(trainer.architecture().output_width()?, 2);
/// # Ok::<(), anygrad::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct HeldFiles(BTreeMap<PathBuf, Arc<[u8]>>);

impl HeldFiles {
    /// With one file more, in the place of another of its path.
    pub fn with(mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) -> HeldFiles {
        self.0.insert(path.into(), Arc::from(bytes.into()));
        self
    }

    /// The bytes of a file, if it is held.
    pub fn get(&self, path: &Path) -> Option<&[u8]> {
        self.0.get(path).map(|bytes| &bytes[..])
    }

    /// A reader of a file, if it is held.
    pub(super) fn stream(&self, path: &Path) -> Option<Box<dyn Read>> {
        self.0.get(path).map(|bytes| Box::new(Cursor::new(bytes.clone())) as Box<dyn Read>)
    }
}
