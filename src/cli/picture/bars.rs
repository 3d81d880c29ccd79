//! Horizontal bars with their names to the left and their numbers behind them.

use super::font;
use super::scene::{Anchor, Ink, SMALL, Scene, Shape};

/// A bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub name: String,
    pub value: f64,
    /// The length of a line across its end, to both sides.
    pub deviation: f64,
    /// What is written behind it.
    pub text: String,
}

const WIDTH: f64 = 440.0;
const LINE: f64 = 22.0;

/// A picture of bars, in their order; those of numbers below 0 go to the left.
pub fn bars(title: &str, unit: &str, bars: &[Bar]) -> Scene {
    let width = |text: &str| font::width(text, SMALL);
    let names: Vec<String> = bars.iter().map(|bar| font::cut(&bar.name, SMALL, 150.0)).collect();
    let left = 16.0 + names.iter().map(|name| width(name)).fold(0.0, f64::max);
    let numbers = 14.0 + bars.iter().map(|bar| width(&bar.text)).fold(0.0, f64::max);
    let ends = |bar: &Bar| [bar.value - bar.deviation, bar.value + bar.deviation, 0.0];
    let (low, high) = super::axis::bounds(bars.iter().flat_map(ends));
    let (low, high) = if low < high { (low, high) } else { (0.0, 1.0) };
    let room = WIDTH - left - numbers - 6.0;
    let place = |x: f64| left + (x - low) / (high - low) * room;
    let mut scene = Scene::new(WIDTH, 58.0 + LINE * bars.len() as f64, title);
    for (number, (bar, name)) in bars.iter().zip(&names).enumerate() {
        let (top, middle) = (32.0 + LINE * number as f64, 32.0 + LINE * (number as f64 + 0.5));
        let (from, to) = (place(bar.value.min(0.0)), place(bar.value.max(0.0)));
        scene.text((left - 6.0, middle + 4.0), name, Anchor::End, Ink::Text);
        let rects = vec![[from, top + 3.0, (to - from).max(1.0), LINE - 6.0]];
        scene.shapes.push(Shape::Rects { rects, ink: Ink::Series(0), opacity: 1.0 });
        if bar.deviation > 0.0 {
            scene.rule(
                (place(bar.value - bar.deviation), middle),
                (place(bar.value + bar.deviation), middle),
                Ink::Text,
            );
        }
        scene.text((WIDTH - 8.0, middle + 4.0), &bar.text, Anchor::End, Ink::Faint);
    }
    let bottom = 32.0 + LINE * bars.len() as f64;
    scene.rule((place(0.0), 30.0), (place(0.0), bottom), Ink::Faint);
    scene.text((left, bottom + 17.0), &font::cut(unit, SMALL, WIDTH - left - 8.0), Anchor::Start, Ink::Faint);
    scene
}
