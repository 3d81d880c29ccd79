//! Pictures of panels side by side: curves, or the regions of classes in the plane.

use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::coord::{Shift, types::RangedCoordf64};
use plotters::prelude::*;
use std::error::Error;
use std::ops::Range;

pub const COLORS: [RGBColor; 5] = [
    RGBColor(66, 133, 244),
    RGBColor(234, 120, 30),
    RGBColor(52, 168, 83),
    RGBColor(142, 68, 173),
    RGBColor(110, 110, 110),
];

/// For [`Panel::legend`].
pub const LOWER_RIGHT: Option<SeriesLabelPosition> = Some(SeriesLabelPosition::LowerRight);
/// For [`Panel::legend`].
pub const MIDDLE_RIGHT: Option<SeriesLabelPosition> = Some(SeriesLabelPosition::MiddleRight);

const PANEL: (u32, u32) = (520, 400);

/// One coordinate system.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    pub title: &'static str,
    pub x: &'static str,
    pub y: &'static str,
    pub log_x: bool,
    pub log_y: bool,
    /// The part of the y-axis to show; without it all of it.
    pub limits: Option<Range<f64>>,
    /// Where the legend stands; without it in the upper right.
    pub legend: Option<SeriesLabelPosition>,
    pub curves: Vec<Curve>,
}

/// Points under a name.
#[derive(Clone, Debug)]
pub struct Curve {
    pub name: String,
    pub points: Vec<(f64, f64)>,
    pub color: RGBColor,
    pub style: Style,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Style {
    Line,
    Thin,
    Dots,
    LineWithDots,
}

impl Curve {
    /// A line through `points`, in the color with this number.
    pub fn line(name: impl Into<String>, color: usize, points: impl IntoIterator<Item = (f64, f64)>) -> Curve {
        let points = points.into_iter().collect();
        Curve { name: name.into(), points, color: COLORS[color], style: Style::Line }
    }

    pub fn style(mut self, style: Style) -> Curve {
        self.style = style;
        self
    }
}

/// Draws the panels side by side into `target/pictures/NAME` and says so.
pub fn save(name: &str, panels: &[Panel]) {
    let path = super::picture(name);
    draw(&path, panels).expect("the picture can be written");
    println!("picture: {}", path.display());
}

fn draw<'a>(path: &'a std::path::Path, panels: &[Panel]) -> Result<(), Box<dyn Error + 'a>> {
    let root = SVGBackend::new(path, (PANEL.0 * panels.len() as u32, PANEL.1)).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, panel) in root.split_evenly((1, panels.len())).iter().zip(panels) {
        let points = || panel.curves.iter().flat_map(|curve| &curve.points);
        let x = bounds(points().map(|p| p.0), panel.log_x, 0.0);
        let y = panel.limits.clone().unwrap_or_else(|| bounds(points().map(|p| p.1), panel.log_y, 0.05));
        let linear = |range: Range<f64>| -> RangedCoordf64 { range.into() };
        match (panel.log_x, panel.log_y) {
            (false, false) => draw_panel(area, panel, linear(x), linear(y))?,
            (false, true) => draw_panel(area, panel, linear(x), y.log_scale())?,
            (true, false) => draw_panel(area, panel, x.log_scale(), linear(y))?,
            (true, true) => draw_panel(area, panel, x.log_scale(), y.log_scale())?,
        }
    }
    root.present()?;
    Ok(())
}

/// From the smallest to the largest value, and a share more.
fn bounds(values: impl Iterator<Item = f64>, log: bool, margin: f64) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if log {
        let room = (high / low).powf(margin);
        return low / room..high * room;
    }
    let room = (high - low) * margin;
    low - room..high + room
}

fn draw_panel<'a, X, Y>(
    area: &DrawingArea<SVGBackend<'a>, Shift>,
    panel: &Panel,
    x: X,
    y: Y,
) -> Result<(), Box<dyn Error + 'a>>
where
    X: AsRangedCoord<Value = f64, CoordDescType: ValueFormatter<f64>>,
    Y: AsRangedCoord<Value = f64, CoordDescType: ValueFormatter<f64>>,
{
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, ("sans-serif", 17))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(62)
        .build_cartesian_2d(x, y)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(panel.x).y_desc(panel.y).x_labels(8).y_labels(8).light_line_style(TRANSPARENT);
    mesh.label_style(("sans-serif", 13)).axis_desc_style(("sans-serif", 14)).bold_line_style(BLACK.mix(0.12));
    mesh.x_label_formatter(&|v| number(*v)).y_label_formatter(&|v| number(*v)).draw()?;
    for curve in &panel.curves {
        let (color, style, points) = (curve.color, curve.style, &curve.points);
        let has_line = style != Style::Dots;
        let radius = if matches!(style, Style::Dots | Style::LineWithDots) { 3 } else { 0 };
        let stroke = color.stroke_width(if style == Style::Thin { 1 } else { 2 });
        if has_line {
            chart.draw_series(LineSeries::new(points.iter().copied(), stroke))?;
        }
        let dots = points.iter().filter(|_| radius > 0).map(|&point| Circle::new(point, radius, color.filled()));
        chart.draw_series(dots)?.label(&curve.name).legend(move |(x, y)| {
            let line = PathElement::new(vec![(x, y), (x + if has_line { 20 } else { 0 }, y)], stroke);
            EmptyElement::at((0, 0)) + line + Circle::new((x + 10, y), radius, color.filled())
        });
    }
    let mut legend = chart.configure_series_labels();
    legend.position(panel.legend.clone().unwrap_or(SeriesLabelPosition::UpperRight));
    legend.background_style(WHITE.mix(0.85)).border_style(BLACK.mix(0.2)).label_font(("sans-serif", 13)).draw()?;
    Ok(())
}

/// A number on an axis, short.
fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1e5 || (size > 0.0 && size < 0.99e-4) {
        return format!("{value:.0e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

/// Cells of a picture of regions along each side.
const CELLS: usize = 120;

/// The centers of all cells from −side to side, row by row from below: x and y in turn.
pub fn grid(side: f32) -> Vec<f32> {
    let at = |i: usize| side * (2.0 * (i as f32 + 0.5) / CELLS as f32 - 1.0);
    (0..CELLS * CELLS).flat_map(|i| [at(i % CELLS), at(i / CELLS)]).collect()
}

/// Draws for each title the classes of the cells of [`grid`], and `dots` at x and y with their classes.
pub fn regions(name: &str, side: f32, panels: &[(&str, Vec<usize>)], dots: &[(f32, f32, usize)]) {
    let path = super::picture(name);
    draw_regions(&path, side, panels, dots).expect("the picture can be written");
    println!("picture: {}", path.display());
}

fn draw_regions<'a>(
    path: &'a std::path::Path,
    side: f32,
    panels: &[(&str, Vec<usize>)],
    dots: &[(f32, f32, usize)],
) -> Result<(), Box<dyn Error + 'a>> {
    let root = SVGBackend::new(path, (420 * panels.len() as u32, 450)).into_drawing_area();
    root.fill(&WHITE)?;
    let edge = |i: usize| side * (2.0 * i as f32 / CELLS as f32 - 1.0);
    for (area, (title, classes)) in root.split_evenly((1, panels.len())).iter().zip(panels) {
        let mut chart = ChartBuilder::on(area)
            .caption(title, ("sans-serif", 17))
            .margin(10)
            .build_cartesian_2d(-side..side, -side..side)?;
        for (row, cells) in classes.chunks(CELLS).enumerate() {
            // One rectangle for each run of equal cells.
            let mut start = 0;
            for run in cells.chunk_by(|a, b| a == b) {
                let corners = [(edge(start), edge(row)), (edge(start + run.len()), edge(row + 1))];
                chart.draw_series([Rectangle::new(corners, COLORS[run[0]].mix(0.28).filled())])?;
                start += run.len();
            }
        }
        chart.draw_series(dots.iter().map(|&(x, y, class)| Circle::new((x, y), 3, COLORS[class].filled())))?;
    }
    root.present()?;
    Ok(())
}
