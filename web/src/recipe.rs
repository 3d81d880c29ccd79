//! The recipe of a run from JSON, into which the page's JavaScript turns the TOML that the program reads.

use anygrad::train::Recipe;
use anygrad::{Error, Result};
use serde::Deserialize;

/// The recipe that JSON states, by the keys of the program's config files.
pub fn parse(text: &str) -> Result<Recipe> {
    let refused = |reason: &serde_json::Error| {
        Error::data("recipe".as_ref(), "", reason.to_string(), "`docs/keys.md` lists all keys of a recipe")
    };
    // By way of a value, as models' files are read: a second reader of each type would do no more.
    let value: serde_json::Value = serde_json::from_str(text).map_err(|e| refused(&e))?;
    Recipe::deserialize(&value).map_err(|e| refused(&e))
}
