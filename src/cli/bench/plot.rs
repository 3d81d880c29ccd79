//! Draws what was measured as SVG: CPU against GPU, and how time grows with batch, width and depth.

use super::measure::Measured;
use super::scaling::{Axis, Point};
use anygrad::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::error::Error as StdError;
use std::path::Path;

const COLORS: [RGBColor; 4] =
    [RGBColor(66, 133, 244), RGBColor(234, 120, 30), RGBColor(52, 168, 83), RGBColor(142, 68, 173)];
const PANEL: (u32, u32) = (460, 380);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<'a> = std::result::Result<(), Box<dyn StdError + 'a>>;

/// Milliseconds per step of each net, a bar for each device.
pub fn bars(measured: &[Measured]) -> Result<String> {
    drawn(|svg| draw_bars(svg, measured).map_err(|error| error.to_string()))
}

/// Microseconds per row against batch, width and depth, a line for each device.
pub fn panels(points: &[Point]) -> Result<String> {
    drawn(|svg| draw_panels(svg, points).map_err(|error| error.to_string()))
}

fn drawn(draw: impl FnOnce(&mut String) -> std::result::Result<(), String>) -> Result<String> {
    let mut svg = String::new();
    match draw(&mut svg) {
        Ok(()) => Ok(svg),
        Err(error) => Err(Error::io("draw", Path::new("the plot"), std::io::Error::other(error))),
    }
}

/// Different texts in the order of their first appearance.
fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// Whole decades around positive values, and one above for the legend.
fn decades(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
    let (low, high) = if high > 0.0 { (low.max(1e-9), high) } else { (0.1, 1.0) };
    let (low, high) = (low.log10().floor(), high.log10().ceil());
    (10f64.powf(low), 10f64.powf(high.max(low) + 1.0))
}

fn draw_bars<'a>(svg: &'a mut String, measured: &[Measured]) -> Drawn<'a> {
    let net = |m: &Measured| format!("{} @ {}", m.net, m.net.batch);
    let nets = distinct(measured.iter().map(net));
    let devices = distinct(measured.iter().map(|m| m.device.clone()));
    let root = SVGBackend::with_string(svg, (160 + 170 * nets.len().max(2) as u32, 420)).into_drawing_area();
    root.fill(&WHITE)?;
    let (low, high) = decades(measured.iter().map(|m| m.ms_per_step));
    let mut chart = ChartBuilder::on(&root)
        .caption("milliseconds per training step", ("sans-serif", 17))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(62)
        .build_cartesian_2d(-0.5..nets.len() as f64 - 0.5, (low..high).log_scale())?;
    let label = |x: &f64| {
        let at = x.round();
        if (x - at).abs() < 1e-6 { nets.get(at as usize).cloned().unwrap_or_default() } else { String::new() }
    };
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().x_labels(2 * nets.len() + 1).x_label_formatter(&label).y_desc("ms per step, log scale");
    mesh.light_line_style(TRANSPARENT).bold_line_style(BLACK.mix(0.12)).draw()?;
    let width = 0.8 / devices.len().max(1) as f64;
    for (i, device) in devices.iter().enumerate() {
        let color = COLORS[i % COLORS.len()];
        let own = measured.iter().filter(|m| m.device == *device);
        let bar = |m: &Measured| {
            let at = nets.iter().position(|name| *name == net(m)).unwrap_or(0) as f64;
            let left = at - 0.4 + i as f64 * width;
            Rectangle::new([(left, low), (left + 0.95 * width, m.ms_per_step)], color.filled())
        };
        chart
            .draw_series(own.map(bar))?
            .label(device)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], color.filled()));
    }
    let mut legend = chart.configure_series_labels();
    legend.position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.85)).draw()?;
    root.present()?;
    Ok(())
}

fn draw_panels<'a>(svg: &'a mut String, points: &[Point]) -> Drawn<'a> {
    let root = SVGBackend::with_string(svg, (PANEL.0 * Axis::ALL.len() as u32, PANEL.1)).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, axis) in root.split_evenly((1, Axis::ALL.len())).iter().zip(Axis::ALL) {
        let own: Vec<&Point> = points.iter().filter(|point| point.axis == axis).collect();
        draw_panel(area, axis, &own)?;
    }
    root.present()?;
    Ok(())
}

fn draw_panel<'a>(area: &Area<'a>, axis: Axis, points: &[&Point]) -> Drawn<'a> {
    let values = || points.iter().map(|point| point.value as f64);
    let (low, high) = decades(points.iter().map(|point| point.microseconds_per_sample()));
    let (first, last) = (values().fold(f64::INFINITY, f64::min), values().fold(1.0, f64::max));
    let first = if first.is_finite() { first } else { 1.0 };
    let mut chart = ChartBuilder::on(area)
        .caption(axis.title(), ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(62)
        .build_cartesian_2d((first..last.max(2.0 * first)).log_scale().base(2.0), (low..high).log_scale())?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(axis.name()).y_desc("µs per row").x_label_formatter(&|x| format!("{x:.0}"));
    mesh.light_line_style(TRANSPARENT).bold_line_style(BLACK.mix(0.12)).draw()?;
    for (i, device) in distinct(points.iter().map(|point| point.device.clone())).iter().enumerate() {
        let color = COLORS[i % COLORS.len()];
        let own = || points.iter().filter(|point| point.device == *device);
        let at = |point: &&&Point| (point.value as f64, point.microseconds_per_sample());
        chart
            .draw_series(LineSeries::new(own().map(|p| at(&p)), color.stroke_width(2)))?
            .label(device)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], color.stroke_width(2)));
        chart.draw_series(own().map(|p| Circle::new(at(&p), 3, color.filled())))?;
    }
    let mut legend = chart.configure_series_labels();
    legend.position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.85)).draw()?;
    Ok(())
}
