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
        let cell =
            ((WIDTH - left - 12.0) / columns.len().max(1) as f64).min(if columns.len() < 5 { 96.0 } else { 64.0 });
        let height = cell.min(if columns.len() < 5 { 60.0 } else { 40.0 });
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
        put_cells(&mut scene, &self.shares, columns.len(), [left, top, cell, height]);
        for (at, &share) in self.shares.iter().enumerate() {
            let (x, y) = (left + cell * (at % columns.len()) as f64, top + height * (at / columns.len()) as f64);
            let text = self.texts.get(at).map_or("", String::as_str);
            if !text.is_empty() && font::width(text, SMALL) < cell - 2.0 && height > SMALL + 2.0 {
                let ink = if share > 0.5 { Ink::Paper } else { Ink::Text };
                scene.text((x + cell / 2.0, y + height / 2.0 + 4.0), text, Anchor::Middle, ink);
            }
        }
        scene
    }
}

/// Levels of darkness that are told apart.
const LEVELS: usize = 25;

/// Cells in lines of so many, those of one darkness as one shape; the first stands at left and top, with its width and height.
fn put_cells(scene: &mut Scene, shares: &[f64], columns: usize, [left, top, width, height]: [f64; 4]) {
    let level = |share: f64| if share > 0.0 { (share * LEVELS as f64).ceil().min(LEVELS as f64) as usize } else { 0 };
    let gap = if height > 8.0 { 1.0 } else { 0.0 };
    for own in 0..=LEVELS {
        let cells = shares.iter().enumerate().filter(|(_, share)| level(**share) == own);
        let rect = |at: usize| {
            let (x, y) = (left + width * (at % columns) as f64, top + height * (at / columns) as f64);
            [x + gap / 2.0, y + gap / 2.0, width - gap, height - gap]
        };
        let rects: Vec<[f64; 4]> = cells.map(|(at, _)| rect(at)).collect();
        // A cell of nothing can still be seen.
        let (ink, opacity) = match own {
            0 => (Ink::Grid, 0.3),
            own => (Ink::Series(0), 0.12 + 0.88 * own as f64 / LEVELS as f64),
        };
        if !rects.is_empty() {
            scene.shapes.push(Shape::Rects { rects, ink, opacity });
        }
    }
}

/// A picture of square cells in lines, without names: the pixels of an image.
pub fn grid(title: &str, [height, width]: [usize; 2], shares: &[f64]) -> Scene {
    let cell = (300.0 / height.max(width) as f64).floor().max(1.0);
    let mut scene = Scene::new(WIDTH, 44.0 + cell * height as f64, title);
    put_cells(&mut scene, shares, width, [8.0, 34.0, cell, cell]);
    scene
}
