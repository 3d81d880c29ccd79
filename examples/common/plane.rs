//! Drawing for the examples: panels with axes, and a square of the plane with what a model makes of every place in it.

use super::Outcome;
use anygrad::data::{Dataset, Features, Targets};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf32;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;
use std::path::Path;

/// A part of a picture.
pub type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Axes in a panel; draw in them by `draw_series`.
pub type Chart<'a, 'b> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<RangedCoordf32, RangedCoordf32>>;

/// One colour per class.
pub const COLORS: [RGBColor; 3] = [RGBColor(66, 133, 244), RGBColor(234, 120, 30), RGBColor(52, 168, 83)];
/// For lines over the colours.
pub const INK: RGBColor = RGBColor(40, 40, 40);

/// Cells of a square along each side.
const CELLS: usize = 120;
/// Pixels around a plot.
const LEFT: u32 = 52;
const RIGHT: u32 = 16;
const ABOVE: u32 = 36;
const BELOW: u32 = 44;

/// The panels of an empty picture, row by row, for plots of this many pixels.
pub fn panels(path: &Path, columns: usize, rows: usize, plot: (u32, u32)) -> Outcome<Vec<Panel<'_>>> {
    let (width, height) = (plot.0 + LEFT + RIGHT, plot.1 + ABOVE + BELOW);
    let root = SVGBackend::new(path, (width * columns as u32, height * rows as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    Ok(root.split_evenly((rows, columns)))
}

/// Axes with a caption above and a name on each axis.
pub fn axes<'a, 'b>(
    panel: &'b Panel<'a>,
    caption: &str,
    [x_name, y_name]: [&str; 2],
    x: Range<f32>,
    y: Range<f32>,
) -> Outcome<Chart<'a, 'b>> {
    let centre = (panel.dim_in_pixel().0 + LEFT - RIGHT) / 2;
    let style = TextStyle::from(("sans-serif", 15)).pos(Pos::new(HPos::Center, VPos::Center));
    panel.draw(&Text::new(caption.to_owned(), (centre as i32, ABOVE as i32 / 2), style))?;
    let mut chart = ChartBuilder::on(panel)
        .margin_top(ABOVE)
        .margin_right(RIGHT)
        .x_label_area_size(BELOW)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(x, y)?;
    let number = |x: &f32| ((x * 100.0).round() / 100.0 + 0.0).to_string();
    chart
        .configure_mesh()
        .disable_mesh()
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&number)
        .y_label_formatter(&number)
        .x_desc(x_name)
        .y_desc(y_name)
        .draw()?;
    Ok(chart)
}

/// A square of the plane, divided into cells.
#[derive(Clone, Copy, Debug)]
pub struct Square {
    /// Its middle.
    pub centre: [f32; 2],
    /// Half of its side.
    pub half: f32,
}

impl Square {
    /// Horizontal extent.
    pub fn x(self) -> Range<f32> {
        self.centre[0] - self.half..self.centre[0] + self.half
    }

    /// Vertical extent.
    pub fn y(self) -> Range<f32> {
        self.centre[1] - self.half..self.centre[1] + self.half
    }

    /// Middles of the cells, row by row from below: inputs for a model.
    pub fn cells(self) -> Features {
        let (x, y) = (self.x().start, self.y().start);
        let at = |i: usize| 2.0 * self.half * (i as f32 + 0.5) / CELLS as f32;
        let data = (0..CELLS * CELLS).flat_map(|i| [x + at(i % CELLS), y + at(i / CELLS)]).collect();
        Features::F32 { width: 2, data }
    }

    /// Axes around the square.
    pub fn axes<'a, 'b>(self, panel: &'b Panel<'a>, caption: &str, names: [&str; 2]) -> Outcome<Chart<'a, 'b>> {
        axes(panel, caption, names, self.x(), self.y())
    }

    /// A colour for each cell: that of class 1 where `a·x + b·y + c > 0`, else that of class 0.
    pub fn sides(self, [a, b, c]: [f32; 3]) -> Vec<RGBColor> {
        let Features::F32 { data, .. } = self.cells() else { return Vec::new() };
        data.chunks_exact(2).map(|cell| pale(usize::from(a * cell[0] + b * cell[1] + c > 0.0))).collect()
    }

    /// Fills the cells, one rectangle for each run of equal ones.
    pub fn shade(self, chart: &mut Chart<'_, '_>, colors: &[RGBColor]) -> Outcome {
        let (x, y) = (self.x().start, self.y().start);
        let edge = |i: usize| 2.0 * self.half * i as f32 / CELLS as f32;
        for (row, colors) in colors.chunks_exact(CELLS).enumerate() {
            let mut start = 0;
            for run in colors.chunk_by(|a, b| a == b) {
                let end = start + run.len();
                let area = [(x + edge(start), y + edge(row)), (x + edge(end), y + edge(row + 1))];
                chart.draw_series([Rectangle::new(area, run[0].filled())])?;
                start = end;
            }
        }
        Ok(())
    }

    /// The part of the line `a·x + b·y + c = 0` within the square, if there is one.
    pub fn line(self, [a, b, c]: [f32; 3]) -> Option<[(f32, f32); 2]> {
        let (x, y) = (self.x(), self.y());
        let on_sides = [x.start, x.end].map(|x| (x, -(a * x + c) / b));
        let on_ends = [y.start, y.end].map(|y| (-(b * y + c) / a, y));
        let is_inside = |p: &(f32, f32)| (x.start..=x.end).contains(&p.0) && (y.start..=y.end).contains(&p.1);
        let crossings: Vec<(f32, f32)> = on_sides.into_iter().chain(on_ends).filter(is_inside).collect();
        // Through a corner the line crosses two edges at once.
        let from = *crossings.first()?;
        let distance = |p: &&(f32, f32)| (p.0 - from.0).hypot(p.1 - from.1);
        let to = *crossings.iter().max_by(|p, q| distance(p).total_cmp(&distance(q)))?;
        (from != to).then_some([from, to])
    }
}

/// The colour of a class, pale.
pub fn pale(class: usize) -> RGBColor {
    let mut shares = [0.0; COLORS.len()];
    shares[class] = 1.0;
    blend(&shares)
}

/// A pale mixture of the classes' colours in these shares, in steps of 5 %.
pub fn blend(shares: &[f64]) -> RGBColor {
    let channel = |of: fn(RGBColor) -> u8| {
        let mixed: f64 =
            shares.iter().zip(COLORS).map(|(s, color)| (20.0 * s).round() / 20.0 * f64::from(of(color))).sum();
        (255.0 * 0.7 + mixed * 0.3).min(255.0) as u8
    };
    RGBColor(channel(|c| c.0), channel(|c| c.1), channel(|c| c.2))
}

/// Points (two numbers each) in the colours of their classes.
pub fn dots(chart: &mut Chart<'_, '_>, points: &[f32], labels: &[u32], size: i32) -> Outcome {
    for (point, &label) in points.chunks_exact(2).zip(labels) {
        let dot = |size, color: RGBColor| Circle::new((point[0], point[1]), size, color.filled());
        chart.draw_series([dot(size + 1, WHITE), dot(size, COLORS[label as usize])])?;
    }
    Ok(())
}

/// Features and labels of a dataset that has both.
pub fn points(data: &Dataset) -> (&[f32], &[u32]) {
    match (&data.features, &data.targets) {
        (Features::F32 { data: points, .. }, Targets::Labels { data: labels, .. }) => (points, labels),
        _ => panic!("{} has no points with labels", data.name),
    }
}
