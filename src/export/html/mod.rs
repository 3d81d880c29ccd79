//! A model as one page: a form (or a field to draw in) that predicts, and a table dropped onto it row by row. No network.

mod engine;

pub use engine::Engine;

use super::javascript::{javascript, value};
use super::producer;
use super::program::RowProgram;
use crate::error::Result;
use serde_json::json;

/// A model as a page that predicts by itself, also without a network: the model is inside.
///
/// `title` heads it, such as the name of the model's file.
pub fn html(program: &RowProgram<'_>, title: &str) -> String {
    page(program, title, "", "")
}

/// A model as [`html`] makes it, which predicts by the engine that trains in browsers: as `anygrad predict` does, to the bit. The
/// engine is inside: 2 MB.
///
/// # Errors
/// [`Error::ModelFile`](crate::Error::ModelFile) as [`Model::to_bytes`](crate::model::Model::to_bytes).
pub fn html_with_engine(program: &RowProgram<'_>, title: &str, engine: &Engine) -> Result<String> {
    Ok(page(program, title, &engine.import_map(), &engine.script(program.model)?))
}

fn page(program: &RowProgram<'_>, title: &str, import_map: &str, engine: &str) -> String {
    let module = javascript(program).replace("\nexport ", "\n");
    let model = program.model;
    let by = if engine.is_empty() { "" } else { ", which computes here, too" };
    let about = format!("{}, by {}{by}, weights {}", model.architecture, producer(), model.weights_hash());
    let facts = json!({ "features": model.feature_names, "side": side(program), "brightest": brightest(program) });
    let page = include_str!("page.html");
    let parts = page.split("<!--MODEL-->").collect::<Vec<_>>();
    // Modules and code in the page itself are allowed where it has them.
    let allowed = if engine.is_empty() { "" } else { " data: 'wasm-unsafe-eval'" };
    let text = |template: &str| {
        let template = template.replace("<!--ENGINE-->", import_map).replace("<!--ALLOWED-->", allowed);
        template.replace("<!--TITLE-->", &escaped(title)).replace("<!--ABOUT-->", &escaped(&about))
    };
    // The model's text is put between the parts, so that nothing in it is taken for a placeholder.
    let script = format!(
        "{module}\nconst facts = {};\n{}{engine}{}",
        value(&facts),
        include_str!("answers.js"),
        include_str!("page.js")
    );
    format!("{}{script}{}", text(parts.first().unwrap_or(&"")), text(parts.get(1).unwrap_or(&"")))
}

/// The side of the square images that the rows are, if they are pixels in one color.
fn side(program: &RowProgram<'_>) -> Option<usize> {
    let width = program.widths[0];
    let side = (1..=128).find(|side| side * side == width)?;
    (program.columns().is_none() && side >= 8).then_some(side)
}

/// The number that a white pixel has.
fn brightest(program: &RowProgram<'_>) -> f64 {
    match program.model.preprocessing.byte_scale() {
        Some(factor) => (1.0 / f64::from(factor)).round(),
        None => 255.0,
    }
}

/// A text as HTML shows it.
fn escaped(text: &str) -> String {
    crate::error::escaped(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
