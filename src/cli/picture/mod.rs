//! Pictures: shapes that are placed once and written as SVG, in fixed colours or in those of a page, and as PNG.
//!
//! `Chart { title, x, y, series, .. }.scene()` is a picture of lines or points, `Scene::svg` and `Scene::png` write it.

mod axis;
mod bars;
mod chart;
mod font;
mod heat;
mod png;
mod scene;
mod svg;

pub use axis::Axis;
pub use bars::{Bar, bars};
pub use chart::{Area, Chart, Series, Style};
pub use heat::Heat;
pub use png::{encode, png};
pub use scene::{Colors, Ink, Scene, Shape};
pub use svg::escape;
