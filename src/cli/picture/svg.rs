//! A picture as SVG.

use super::scene::{Anchor, Colors, Scene, Shape};
use std::fmt::Write;

/// A text as XML and HTML have it.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A coordinate with at most one decimal.
fn short(x: f64) -> String {
    let text = format!("{x:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".into() } else { text.into() }
}

/// Writing to a string does not fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => { let _ = write!($out, $($arg)*); };
}

impl Scene {
    /// The picture as an SVG element: a file of its own, or part of a page.
    pub fn svg(&self, colors: Colors) -> String {
        let mut out = String::new();
        let (width, height) = (short(self.width), short(self.height));
        let alone = match colors {
            Colors::Fixed => format!(" xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\""),
            Colors::OfPage => String::new(),
        };
        put!(out, "<svg role=\"img\" viewBox=\"0 0 {width} {height}\"{alone}><title>{}</title>", escape(&self.title));
        if colors == Colors::Fixed {
            put!(out, "<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>");
        }
        put!(out, "<g font-family=\"DejaVu Sans, Verdana, sans-serif\">");
        for shape in &self.shapes {
            shape.write(&mut out, colors);
        }
        out.push_str("</g></svg>");
        out
    }
}

impl Shape {
    fn write(&self, out: &mut String, colors: Colors) {
        match self {
            Shape::Line { points, ink, width, dashed } => {
                let dashes = if *dashed { " stroke-dasharray=\"5 4\"" } else { "" };
                let (ink, width) = (ink.svg(colors), short(*width));
                put!(
                    out,
                    "<path fill=\"none\" stroke-linejoin=\"round\" stroke=\"{ink}\" stroke-width=\"{width}\"{dashes} d=\""
                );
                for (at, (x, y)) in points.iter().enumerate() {
                    put!(out, "{}{} {}", if at == 0 { "M" } else { "L" }, short(*x), short(*y));
                }
                out.push_str("\"/>");
            }
            Shape::Dots { points, ink, size, opacity } => {
                // A line of no length with round ends is a dot, in fewer bytes than a circle.
                let (ink, size) = (ink.svg(colors), short(*size));
                put!(
                    out,
                    "<path stroke=\"{ink}\" stroke-width=\"{size}\" stroke-linecap=\"round\" opacity=\"{opacity}\" d=\""
                );
                points.iter().for_each(|(x, y)| put_dot(out, *x, *y));
                out.push_str("\"/>");
            }
            Shape::Rects { rects, ink, opacity } => {
                let ink = ink.svg(colors);
                put!(out, "<path shape-rendering=\"crispEdges\" fill=\"{ink}\" opacity=\"{}\" d=\"", round(*opacity));
                for [left, top, width, height] in rects {
                    let (l, t, w, h) = (short(*left), short(*top), short(*width), short(*height));
                    put!(out, "M{l} {t}h{w}v{h}h-{w}z");
                }
                out.push_str("\"/>");
            }
            Shape::Text { at, text, size, anchor, ink, turned, bold } => {
                let ((x, y), ink) = ((short(at.0), short(at.1)), ink.svg(colors));
                let anchor = match anchor {
                    Anchor::Start => "",
                    Anchor::Middle => " text-anchor=\"middle\"",
                    Anchor::End => " text-anchor=\"end\"",
                };
                let place = match turned {
                    true => format!("transform=\"translate({x} {y}) rotate(-90)\""),
                    false => format!("x=\"{x}\" y=\"{y}\""),
                };
                let bold = if *bold { " font-weight=\"600\"" } else { "" };
                put!(out, "<text {place} font-size=\"{size}\" fill=\"{ink}\"{anchor}{bold}>{}</text>", escape(text));
            }
        }
    }
}

fn put_dot(out: &mut String, x: f64, y: f64) {
    put!(out, "M{} {}h0", short(x), short(y));
}

fn round(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0
}
