//! Lines, points and areas between two axes.

use super::axis::{Axis, Scale};
use super::font;
use super::scene::{Anchor, Ink, SMALL, Scene, Shape};

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Line,
    Dashed,
    Dots,
    /// A line with a dot at each point.
    Both,
}

/// Points of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend says; nothing keeps it out.
    pub name: String,
    pub points: Vec<(f64, f64)>,
    pub style: Style,
    pub ink: Ink,
}

impl Series {
    /// A series in the `n`-th colour.
    pub fn new(name: &str, style: Style, n: usize, points: Vec<(f64, f64)>) -> Series {
        Series { name: name.into(), points, style, ink: Ink::Series(n) }
    }
}

/// Rectangles behind the points, in numbers of the axes: left, low, right, high.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    pub rects: Vec<[f64; 4]>,
    pub ink: Ink,
    pub opacity: f64,
}

/// A picture of points between two axes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub areas: Vec<Area>,
    pub series: Vec<Series>,
}

const WIDTH: f64 = 440.0;
const PLOT_HEIGHT: f64 = 230.0;
/// Most points of a line: as many as can be told apart.
const MOST_POINTS: usize = 400;
/// Most points of a cloud.
const MOST_DOTS: usize = 1500;

/// Where the axes stand.
struct Frame {
    left: f64,
    top: f64,
    width: f64,
    x: Scale,
    y: Scale,
}

impl Frame {
    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.left + self.x.place(x) * self.width, self.top + (1.0 - self.y.place(y)) * PLOT_HEIGHT)
    }

    fn is_inside(&self, x: f64, y: f64) -> bool {
        let inside = |place: f64| (-1e-6..=1.000_001).contains(&place);
        inside(self.x.place(x)) && inside(self.y.place(y))
    }
}

impl Chart {
    /// The picture.
    pub fn scene(&self) -> Scene {
        let corners = |pick: fn(&[f64; 4]) -> [f64; 2]| self.areas.iter().flat_map(|area| &area.rects).flat_map(pick);
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x = Scale::new(&self.x, points().map(|p| p.0).chain(corners(|r| [r[0], r[2]])), 6);
        let y = Scale::new(&self.y, points().map(|p| p.1).chain(corners(|r| [r[1], r[3]])), 5);
        let widest = y.marks.iter().map(|(_, text)| font::width(text, SMALL)).fold(0.0, f64::max);
        let (left, legend) = (30.0 + widest, self.legend());
        let top = 34.0 + 17.0 * legend.len() as f64;
        let frame = Frame { left, top, width: WIDTH - left - 14.0, x, y };
        let mut scene = Scene::new(WIDTH, top + PLOT_HEIGHT + 44.0, &self.title);
        put_legend(&mut scene, &legend);
        self.put_areas(&mut scene, &frame);
        self.put_axes(&mut scene, &frame);
        for series in &self.series {
            put_series(&mut scene, &frame, series);
        }
        scene
    }

    /// The entries of the legend, in lines.
    fn legend(&self) -> Vec<Vec<(f64, String, &Series)>> {
        let mut lines: Vec<Vec<(f64, String, &Series)>> = Vec::new();
        let mut right = f64::INFINITY;
        for series in self.series.iter().filter(|series| !series.name.is_empty()) {
            let name = font::cut(&series.name, SMALL, 150.0);
            let width = font::width(&name, SMALL) + 38.0;
            if right + width > WIDTH {
                lines.push(Vec::new());
                right = 10.0;
            }
            if let Some(line) = lines.last_mut() {
                line.push((right, name, series));
            }
            right += width;
        }
        lines
    }

    fn put_areas(&self, scene: &mut Scene, frame: &Frame) {
        for area in &self.areas {
            let rects = area.rects.iter().map(|&[left, low, right, high]| {
                let ((x0, y0), (x1, y1)) = (frame.at(left, low), frame.at(right, high));
                [x0, y1, x1 - x0, y0 - y1]
            });
            let (rects, ink, opacity) = (rects.collect(), area.ink, area.opacity);
            scene.shapes.push(Shape::Rects { rects, ink, opacity });
        }
    }

    fn put_axes(&self, scene: &mut Scene, frame: &Frame) {
        let (bottom, right) = (frame.top + PLOT_HEIGHT, frame.left + frame.width);
        for (value, text) in &frame.y.marks {
            let y = frame.top + (1.0 - frame.y.place(*value)) * PLOT_HEIGHT;
            scene.rule((frame.left, y), (right, y), Ink::Grid);
            scene.text((frame.left - 6.0, y + 4.0), text, Anchor::End, Ink::Faint);
        }
        // As many marks as have room for their numbers.
        let room = frame.x.marks.iter().map(|(_, text)| font::width(text, SMALL) + 14.0).fold(1.0, f64::max);
        let every = (frame.x.marks.len() as f64 * room / (frame.width + room)).ceil().max(1.0) as usize;
        for (value, text) in frame.x.marks.iter().step_by(every) {
            let x = frame.left + frame.x.place(*value) * frame.width;
            scene.rule((x, bottom), (x, bottom + 4.0), Ink::Faint);
            scene.text((x, bottom + 17.0), text, Anchor::Middle, Ink::Faint);
        }
        scene.rule((frame.left, bottom), (right, bottom), Ink::Faint);
        let (middle, half) = (frame.left + frame.width / 2.0, frame.top + PLOT_HEIGHT / 2.0);
        scene.text((middle, bottom + 35.0), &font::cut(&self.x.name, SMALL, frame.width), Anchor::Middle, Ink::Text);
        scene.upwards((14.0, half), &font::cut(&self.y.name, SMALL, PLOT_HEIGHT), Anchor::Middle, Ink::Text);
    }
}

fn put_legend(scene: &mut Scene, lines: &[Vec<(f64, String, &Series)>]) {
    for (number, line) in lines.iter().enumerate() {
        let y = 36.0 + 17.0 * number as f64;
        for (left, name, series) in line {
            let ink = series.ink;
            scene.shapes.push(match series.style {
                Style::Dots => Shape::Dots { points: vec![(left + 9.0, y - 4.0)], ink, size: 7.0, opacity: 1.0 },
                style => Shape::Line {
                    points: vec![(*left, y - 4.0), (left + 18.0, y - 4.0)],
                    ink,
                    width: 2.0,
                    dashed: style == Style::Dashed,
                },
            });
            scene.text((left + 23.0, y), name, Anchor::Start, Ink::Text);
        }
    }
}

fn put_series(scene: &mut Scene, frame: &Frame, series: &Series) {
    let ink = series.ink;
    let shown = |point: &&(f64, f64)| frame.is_inside(point.0, point.1);
    let inside: Vec<(f64, f64)> = series.points.iter().filter(shown).copied().collect();
    let is_cloud = series.style == Style::Dots;
    let points: Vec<(f64, f64)> = thin(&inside, if is_cloud { MOST_DOTS } else { MOST_POINTS })
        .into_iter()
        .map(|(x, y)| frame.at(x, y))
        .collect();
    if is_cloud || series.style == Style::Both || points.len() == 1 {
        let (size, opacity) = if is_cloud && points.len() > 150 { (4.0, 0.6) } else { (6.0, 0.9) };
        scene.shapes.push(Shape::Dots { points: points.clone(), ink, size, opacity });
    }
    if !is_cloud && points.len() > 1 {
        let dashed = series.style == Style::Dashed;
        scene.shapes.push(Shape::Line { points, ink, width: 2.0, dashed });
    }
}

/// At most so many of the points, evenly taken, the first and the last among them.
pub fn thin(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if points.len() <= most {
        return points.to_vec();
    }
    (0..most).map(|i| points[i * (points.len() - 1) / (most - 1).max(1)]).collect()
}
