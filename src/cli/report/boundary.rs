//! What a model of two features makes of each point of the plane.

use super::gather::Judged;
use super::parts::Section;
use crate::cli::output::significant;
use crate::cli::picture::{Area, Axis, Chart, Ink, Series, Style, bounds};
use anygrad::Result;
use anygrad::backend::Device;
use anygrad::data::{Dataset, Encoder, Features, Targets};
use anygrad::model::{Model, probabilities};

/// The outputs of a model on a grid of points.
pub struct Boundary {
    /// From where to where the grid goes, for both features.
    ranges: [(f64, f64); 2],
    /// Of each point the kind of its area, row by row from the lowest: a class or a level, and how sure it is, in levels.
    cells: Vec<(usize, usize)>,
    /// The least and the largest predicted value, if values are predicted.
    values: Option<(f64, f64)>,
}

const COLUMNS: usize = 120;
const ROWS: usize = 80;
/// Levels of how sure a class is, and of a predicted value.
const SURE: usize = 5;
const LEVELS: usize = 12;

impl Boundary {
    /// Of a model whose two features are the numbers of two columns, with one target; else nothing.
    pub fn of(rows: &Dataset, model: &Model, device: &Device) -> Result<Option<Boundary>> {
        let groups = model.encoder.as_ref().map(Encoder::groups);
        let has_two = rows.features.width() == 2 && groups.is_none_or(|groups| groups.len() == 2);
        let width = model.architecture.output_width()?;
        let is_one = match &rows.targets {
            Targets::Labels { .. } => true,
            Targets::Values { .. } => width == 1 && !model.loss.takes_labels(),
        };
        if !has_two || !is_one {
            return Ok(None);
        }
        let points = points(rows)?;
        let range = |of: fn(&(f64, f64)) -> f64| {
            let (low, high) = bounds(points.iter().map(of));
            let margin = if high > low { 0.06 * (high - low) } else { 1.0 };
            (low - margin, high + margin)
        };
        let ranges = [range(|p| p.0), range(|p| p.1)];
        let at =
            |(low, high): (f64, f64), i: usize, n: usize| (low + (high - low) * (i as f64 + 0.5) / n as f64) as f32;
        let data = (0..ROWS * COLUMNS)
            .flat_map(|i| [at(ranges[0], i % COLUMNS, COLUMNS), at(ranges[1], i / COLUMNS, ROWS)])
            .collect();
        let outputs = model.outputs_blocking(&Features::F32 { width: 2, data }, device)?;
        let values = match rows.targets {
            Targets::Values { .. } => Some(bounds(outputs.iter().map(|&x| f64::from(x)))),
            Targets::Labels { .. } => None,
        };
        let cell = |outputs: &[f32]| match values {
            Some((low, high)) => {
                let share = (f64::from(outputs[0]) - low) / (high - low).max(f64::MIN_POSITIVE);
                (0, ((share * LEVELS as f64) as usize).min(LEVELS - 1))
            }
            None => {
                let class = model.class_of(outputs);
                let all = if model.loss.has_probabilities() { probabilities(outputs) } else { Vec::new() };
                let sure = all.get(class).map_or(0.5, |p| (p * all.len() as f64 - 1.0) / (all.len() as f64 - 1.0));
                (class, ((sure * SURE as f64) as usize).min(SURE - 1))
            }
        };
        let cells = outputs.chunks_exact(width).map(cell).collect();
        Ok(Some(Boundary { ranges, cells, values }))
    }

    /// Neighbours of one kind in a row are one rectangle.
    fn areas(&self) -> Vec<Area> {
        let mut kinds: Vec<(usize, usize)> = self.cells.clone();
        kinds.sort_unstable();
        kinds.dedup();
        let edge = |(low, high): (f64, f64), i: usize, n: usize| low + (high - low) * i as f64 / n as f64;
        let levels = if self.values.is_some() { LEVELS } else { SURE };
        let area = |&kind: &(usize, usize)| {
            let mut rects = Vec::new();
            for (row, cells) in self.cells.chunks_exact(COLUMNS).enumerate() {
                let mut column = 0;
                for run in cells.chunk_by(|a, b| a == b) {
                    if run[0] == kind {
                        let x = |i| edge(self.ranges[0], i, COLUMNS);
                        let y = |i| edge(self.ranges[1], i, ROWS);
                        rects.push([x(column), y(row), x(column + run.len()), y(row + 1)]);
                    }
                    column += run.len();
                }
            }
            let share = (kind.1 + 1) as f64 / levels as f64;
            let opacity = if self.values.is_some() { 0.85 * share } else { 0.08 + 0.34 * share };
            Area { rects, ink: Ink::Series(kind.0), opacity }
        };
        kinds.iter().map(area).collect()
    }
}

/// The two features of each row.
fn points(rows: &Dataset) -> Result<Vec<(f64, f64)>> {
    let mut data = vec![0.0; 2 * rows.rows()];
    rows.features.copy_floats(|i| i, &mut data)?;
    Ok(data.chunks_exact(2).map(|pair| (f64::from(pair[0]), f64::from(pair[1]))).collect())
}

/// Adds the picture of the plane.
pub fn put(section: &mut Section, judged: &Judged<'_>, model: &Model) -> Result<()> {
    let Some(boundary) = &judged.boundary else { return Ok(()) };
    let points = points(judged.rows)?;
    let mut series = Vec::new();
    match &judged.rows.targets {
        Targets::Labels { classes, data, .. } => {
            for (class, name) in classes.iter().enumerate().take(8) {
                let own = points.iter().zip(data).filter(|(_, label)| **label as usize == class);
                series.push(Series::new(name, Style::Dots, class, own.map(|(point, _)| *point).collect()));
            }
            let wrong = |row: &usize| model.class_of(judged.output(*row)) != data[*row] as usize;
            let wrong: Vec<(f64, f64)> = (0..points.len()).filter(wrong).map(|row| points[row]).collect();
            if !wrong.is_empty() {
                series.push(Series {
                    name: "predicted wrongly".into(),
                    points: wrong,
                    style: Style::Crosses,
                    ink: Ink::Text,
                });
            }
        }
        Targets::Values { .. } => series.push(Series { ink: Ink::Text, ..Series::new("", Style::Dots, 0, points) }),
    }
    let [x, y] = [0, 1].map(|at| {
        let (low, high) = boundary.ranges[at];
        Axis::new(judged.rows.feature_names.get(at).map_or("", String::as_str)).range(low, high)
    });
    let title = if boundary.values.is_some() { "Predicted value everywhere" } else { "Predicted class everywhere" };
    let chart = Chart { title: title.into(), x, y, areas: boundary.areas(), series };
    let caption = match boundary.values {
        Some((low, high)) => format!(
            "The colour of a place is what the model predicts there, from {} (lightest) to {} (darkest). Each dot is one \
             of the {}.",
            significant(low),
            significant(high),
            judged.rows_name()
        ),
        None => format!(
            "The colour of a place is the class that the model predicts there, the stronger the surer it is. Each dot is one \
             of the {} in the colour of its true class.",
            judged.rows_name()
        ),
    };
    section.show("boundary", chart.scene(), caption);
    Ok(())
}
