//! A table of cells that are the darker the larger their shares, such as a confusion matrix.

use super::font;
use super::scene::{Anchor, Ink, SMALL, Scene, Shape};

/// Cells in rows and columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heat {
    pub title: String,
    /// What the rows and the columns are.
    pub axes: [String; 2],
    pub rows: Vec<String>,
    pub columns: Vec<String>,
    /// How dark each cell is, from 0 to 1, row by row.
    pub shares: Vec<f64>,
    /// What is written in each cell; nothing where it has no room.
    pub texts: Vec<String>,
}

const WIDTH: f64 = 440.0;

impl Heat {
    /// The picture.
    pub fn scene(&self) -> Scene {
        let widest = |names: &[String]| names.iter().map(|name| font::width(name, SMALL)).fold(0.0, f64::max);
        let cut = |names: &[String], most: f64| -> Vec<String> {
            names.iter().map(|name| font::cut(name, SMALL, most)).collect()
        };
        let (rows, columns) = (cut(&self.rows, 110.0), cut(&self.columns, 90.0));
        let left = 34.0 + widest(&rows);
        let cell = ((WIDTH - left - 12.0) / columns.len().max(1) as f64).min(64.0);
        let height = cell.min(40.0);
        let turned = widest(&columns) > cell - 4.0;
        let heading = if turned { widest(&columns) + 8.0 } else { 18.0 };
        let top = 48.0 + heading;
        let mut scene = Scene::new(WIDTH, top + height * rows.len() as f64 + 12.0, &self.title);
        let middle = left + cell * columns.len() as f64 / 2.0;
        scene.text((middle, 42.0), &self.axes[1], Anchor::Middle, Ink::Faint);
        scene.upwards((15.0, top + height * rows.len() as f64 / 2.0), &self.axes[0], Anchor::Middle, Ink::Faint);
        let is_close = height < SMALL;
        for (at, name) in rows.iter().enumerate().step_by(if is_close { 2 } else { 1 }) {
            scene.text((left - 6.0, top + height * (at as f64 + 0.5) + 4.0), name, Anchor::End, Ink::Text);
        }
        for (at, name) in columns.iter().enumerate().step_by(if turned && cell < SMALL { 2 } else { 1 }) {
            let x = left + cell * (at as f64 + 0.5);
            match turned {
                true => scene.upwards((x + 4.0, top - 6.0), name, Anchor::Start, Ink::Text),
                false => scene.text((x, top - 6.0), name, Anchor::Middle, Ink::Text),
            }
        }
        let frame = |row: usize, column: usize| (left + cell * column as f64, top + height * row as f64);
        for (at, &share) in self.shares.iter().enumerate() {
            let (x, y) = frame(at / columns.len(), at % columns.len());
            let rects = vec![[x + 0.5, y + 0.5, cell - 1.0, height - 1.0]];
            // A cell of nothing can still be seen.
            let (ink, opacity) = if share > 0.0 { (Ink::Series(0), 0.12 + 0.88 * share) } else { (Ink::Grid, 0.3) };
            scene.shapes.push(Shape::Rects { rects, ink, opacity });
            let text = self.texts.get(at).map_or("", String::as_str);
            if !text.is_empty() && font::width(text, SMALL) < cell - 2.0 && height > SMALL + 2.0 {
                let ink = if share > 0.5 { Ink::Paper } else { Ink::Text };
                scene.text((x + cell / 2.0, y + height / 2.0 + 4.0), text, Anchor::Middle, ink);
            }
        }
        scene
    }
}
