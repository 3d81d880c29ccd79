//! A picture as a list of shapes, and what they are painted with.

/// What a shape is painted with. A page gives each ink a light and a dark colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// The ground.
    Paper,
    /// Text and what is to be seen first.
    Text,
    /// Names of axes, notes.
    Faint,
    /// Lines of the grid.
    Grid,
    /// One of several kinds of lines or points; there are eight, which then begin again.
    Series(usize),
}

/// Whether a picture has colours of its own or those of the page that it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colors {
    /// On white.
    Fixed,
    /// Names that the page gives colours to.
    OfPage,
}

/// The name of each ink in a page, its colour on a light ground and on a dark one.
pub const INKS: [(&str, u32, u32); 12] = [
    ("paper", 0xff_ffff, 0x0d_1117),
    ("text", 0x1f_2328, 0xe6_edf3),
    ("faint", 0x59_636e, 0x9a_a4af),
    ("grid", 0xd5_dbe1, 0x33_3b44),
    ("c0", 0x2f_6fdb, 0x6c_a6ff),
    ("c1", 0xd0_600a, 0xf5_9a4b),
    ("c2", 0x1a_8754, 0x4c_c38a),
    ("c3", 0x82_50c4, 0xb5_92f0),
    ("c4", 0xc7_363f, 0xff_7b80),
    ("c5", 0x0f_8a9d, 0x45_c5d6),
    ("c6", 0x8a_6414, 0xd3_a84a),
    ("c7", 0xb8_3c86, 0xf0_89c2),
];

impl Ink {
    /// Its row in the table of inks.
    fn row(self) -> (&'static str, u32, u32) {
        INKS[match self {
            Ink::Paper => 0,
            Ink::Text => 1,
            Ink::Faint => 2,
            Ink::Grid => 3,
            Ink::Series(n) => 4 + n % 8,
        }]
    }

    /// Its colour on a light ground, as `0xRRGGBB`.
    pub fn light(self) -> u32 {
        self.row().1
    }

    /// As an attribute of SVG has it.
    pub fn svg(self, colors: Colors) -> String {
        match colors {
            Colors::Fixed => format!("#{:06x}", self.light()),
            Colors::OfPage => format!("var(--{})", self.row().0),
        }
    }
}

/// Where a text has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// A shape, in units of which the scene's width and height are told.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Points joined by lines.
    Line { points: Vec<(f64, f64)>, ink: Ink, width: f64, dashed: bool },
    /// Round dots of one size.
    Dots { points: Vec<(f64, f64)>, ink: Ink, size: f64, opacity: f64 },
    /// Crosses of one size.
    Crosses { points: Vec<(f64, f64)>, ink: Ink, size: f64 },
    /// Rectangles: left, top, width, height.
    Rects { rects: Vec<[f64; 4]>, ink: Ink, opacity: f64 },
    /// A line of text; its place is on its base line. `turned` reads upwards.
    Text { at: (f64, f64), text: String, size: f64, anchor: Anchor, ink: Ink, turned: bool, bold: bool },
}

impl Shape {
    /// The shape further to the right.
    fn moved(mut self, right: f64) -> Shape {
        match &mut self {
            Shape::Line { points, .. } | Shape::Dots { points, .. } | Shape::Crosses { points, .. } => {
                points.iter_mut().for_each(|point| point.0 += right);
            }
            Shape::Rects { rects, .. } => rects.iter_mut().for_each(|rect| rect[0] += right),
            Shape::Text { at, .. } => at.0 += right,
        }
        self
    }
}

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    pub width: f64,
    pub height: f64,
    /// What it shows, in words.
    pub title: String,
    pub shapes: Vec<Shape>,
}

/// Size of the texts of axes.
pub const SMALL: f64 = 11.5;
/// Size of titles.
pub const LARGE: f64 = 13.5;

impl Scene {
    /// A picture without shapes but for its title, which is cut to the width.
    pub fn new(width: f64, height: f64, title: &str) -> Scene {
        let mut scene = Scene { width, height, title: title.into(), shapes: Vec::new() };
        let text = super::font::cut(title, LARGE * 1.06, width - 16.0);
        scene.shapes.push(Shape::Text {
            at: (8.0, 19.0),
            text,
            size: LARGE,
            anchor: Anchor::Start,
            ink: Ink::Text,
            turned: false,
            bold: true,
        });
        scene
    }

    /// Pictures in a row.
    pub fn beside(title: &str, scenes: Vec<Scene>) -> Scene {
        let (width, height) =
            scenes.iter().fold((0.0, 0.0_f64), |(w, h), scene| (w + scene.width, h.max(scene.height)));
        let mut all = Scene { width, height, title: title.into(), shapes: Vec::new() };
        let mut left = 0.0;
        for scene in scenes {
            all.shapes.extend(scene.shapes.into_iter().map(|shape| shape.moved(left)));
            left += scene.width;
        }
        all
    }

    /// Adds a text of the size of axes.
    pub fn text(&mut self, at: (f64, f64), text: &str, anchor: Anchor, ink: Ink) {
        let text = text.into();
        self.shapes.push(Shape::Text { at, text, size: SMALL, anchor, ink, turned: false, bold: false });
    }

    /// Adds a text that reads upwards.
    pub fn upwards(&mut self, at: (f64, f64), text: &str, anchor: Anchor, ink: Ink) {
        let text = text.into();
        self.shapes.push(Shape::Text { at, text, size: SMALL, anchor, ink, turned: true, bold: false });
    }

    /// Adds a thin line.
    pub fn rule(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink) {
        self.shapes.push(Shape::Line { points: vec![from, to], ink, width: 1.0, dashed: false });
    }
}
