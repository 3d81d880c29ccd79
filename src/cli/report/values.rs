//! Predicted against true values, and what is left between them.

use super::gather::Judged;
use super::parts::Section;
use crate::cli::output::significant;
use crate::cli::picture::{Area, Axis, Chart, Ink, Series, Style, bounds};
use anygrad::data::Targets;
use anygrad::error::shown;
use anygrad::model::Model;

/// Most targets with pictures of their own.
const MOST_TARGETS: usize = 3;
const BINS: usize = 30;

/// Adds the pictures of each target, and a table if there are several.
pub fn put(section: &mut Section, judged: &Judged<'_>, model: &Model) {
    let Targets::Values { names, data } = &judged.rows.targets else { return };
    if model.loss.takes_labels() {
        return;
    }
    if let Some(targets) = judged.evaluation.per_target.as_ref().filter(|targets| targets.len() > 1) {
        let line = |target: &anygrad::model::quality::TargetMetrics| {
            let r_squared = target.r_squared.map_or("–".into(), significant);
            let errors = [target.mean_absolute_error, target.root_mean_squared_error].map(significant);
            [vec![shown(&target.name), r_squared], errors.to_vec()].concat()
        };
        section
            .say("R²: the share of a target's variance that the model explains. The errors are in the target's unit.");
        let head = ["target", "R²", "mean absolute error", "root mean squared error"];
        section.list(head, targets.iter().take(40).map(line).collect());
    }
    let count = names.len();
    if count > MOST_TARGETS {
        section.say(format!("The pictures are those of the first {MOST_TARGETS} of {count} targets."));
    }
    for (at, name) in names.iter().enumerate().take(MOST_TARGETS) {
        let of = |all: &[f32]| all.iter().skip(at).step_by(count).map(|&x| f64::from(x)).collect::<Vec<f64>>();
        put_target(section, at, name, &of(data), &of(&judged.outputs));
    }
}

fn put_target(section: &mut Section, at: usize, name: &str, truth: &[f64], predicted: &[f64]) {
    let file = |what: &str| if at == 0 { what.into() } else { format!("{what}-{}", at + 1) };
    let pairs: Vec<(f64, f64)> = truth.iter().copied().zip(predicted.iter().copied()).collect();
    let (low, high) = bounds(truth.iter().chain(predicted).copied());
    let line = |points| Series { name: "predicted = true".into(), points, style: Style::Dashed, ink: Ink::Text };
    let chart = Chart {
        title: format!("{name}: predicted against true"),
        x: Axis::new(&format!("true {name}")),
        y: Axis::new(&format!("predicted {name}")),
        series: vec![Series::new("", Style::Dots, 0, pairs), line(vec![(low, low), (high, high)])],
        ..Chart::default()
    };
    let caption = "Each dot is a row. On the dashed line the prediction is exact, above it too high, below it too low.";
    section.show(file("predicted"), chart.scene(), caption);

    let left: Vec<f64> = truth.iter().zip(predicted).map(|(y, p)| y - p).collect();
    let (first, last) = bounds(predicted.iter().copied());
    let zero = Series { name: String::new(), ..line(vec![(first, 0.0), (last, 0.0)]) };
    let dots = predicted.iter().copied().zip(left.iter().copied()).collect();
    let chart = Chart {
        title: format!("{name}: residuals"),
        x: Axis::new(&format!("predicted {name}")),
        y: Axis::new("residual: true minus predicted"),
        series: vec![Series::new("", Style::Dots, 0, dots), zero],
        ..Chart::default()
    };
    let caption = "What is left between truth and prediction should lie around 0 everywhere, without a bend and without \
                   opening up to one side.";
    section.show(file("residuals"), chart.scene(), caption);

    let chart = Chart {
        title: format!("{name}: how large the residuals are"),
        x: Axis::new("residual: true minus predicted"),
        y: Axis::new("rows"),
        areas: vec![Area { rects: histogram(&left), ink: Ink::Series(0), opacity: 0.85 }],
        ..Chart::default()
    };
    section.show(file("residual-histogram"), chart.scene(), "A bar is the number of rows whose residual lies there.");
}

/// Bars over bins of equal width.
fn histogram(values: &[f64]) -> Vec<[f64; 4]> {
    let (low, high) = bounds(values.iter().copied());
    if high <= low {
        return vec![[low - 0.5, 0.0, low + 0.5, values.len() as f64]];
    }
    let width = (high - low) / BINS as f64;
    let mut counts = [0usize; BINS];
    values.iter().for_each(|x| counts[(((x - low) / width) as usize).min(BINS - 1)] += 1);
    let bar =
        |(i, &count): (usize, &usize)| [low + i as f64 * width, 0.0, low + (i as f64 + 0.94) * width, count as f64];
    counts.iter().enumerate().filter(|(_, count)| **count > 0).map(bar).collect()
}
