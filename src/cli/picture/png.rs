//! A picture as PNG, and PNG files of pixels.

use super::font;
use super::scene::{Anchor, Ink, Scene, Shape};
use anygrad::{Error, Result};
use std::path::Path;
use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint, Path as Outline, PathBuilder, Pixmap, Rect, Stroke, StrokeDash,
    Transform,
};
use ttf_parser::OutlineBuilder;

/// Pixels for each unit of a scene.
const SCALE: f32 = 2.0;

fn failed(why: &str) -> Error {
    Error::io("draw", Path::new("the picture"), std::io::Error::other(why.to_string()))
}

/// The picture on white, two pixels for each of its units.
pub fn png(scene: &Scene) -> Result<Vec<u8>> {
    let (width, height) = ((scene.width as f32 * SCALE) as u32, (scene.height as f32 * SCALE) as u32);
    let mut pixels = Pixmap::new(width, height).ok_or_else(|| failed("it is too large"))?;
    pixels.fill(Color::WHITE);
    for shape in &scene.shapes {
        draw(&mut pixels, shape);
    }
    // All of it is opaque.
    let rgb: Vec<u8> = pixels.pixels().iter().flat_map(|p| [p.red(), p.green(), p.blue()]).collect();
    encode(&rgb, [width as usize, height as usize], 3)
}

/// Bytes of pixels, row by row, of one channel (grey) or three, as a PNG file.
pub fn encode(pixels: &[u8], [width, height]: [usize; 2], channels: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(if channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|error| failed(&error.to_string()))?;
    writer.write_image_data(pixels).map_err(|error| failed(&error.to_string()))?;
    writer.finish().map_err(|error| failed(&error.to_string()))?;
    Ok(bytes)
}

fn paint(ink: Ink, opacity: f64, anti_alias: bool) -> Paint<'static> {
    let [_, r, g, b] = ink.light().to_be_bytes();
    let mut paint = Paint { anti_alias, ..Paint::default() };
    paint.set_color_rgba8(r, g, b, (255.0 * opacity).round() as u8);
    paint
}

fn draw(pixels: &mut Pixmap, shape: &Shape) {
    let scaled = Transform::from_scale(SCALE, SCALE);
    match shape {
        Shape::Line { points, ink, width, dashed } => {
            let mut path = PathBuilder::new();
            for (at, &(x, y)) in points.iter().enumerate() {
                if at == 0 { path.move_to(x as f32, y as f32) } else { path.line_to(x as f32, y as f32) }
            }
            let dash = if *dashed { StrokeDash::new(vec![5.0, 4.0], 0.0) } else { None };
            let stroke = Stroke { width: *width as f32, line_join: LineJoin::Round, dash, ..Stroke::default() };
            if let Some(path) = path.finish() {
                pixels.stroke_path(&path, &paint(*ink, 1.0, true), &stroke, scaled, None);
            }
        }
        Shape::Dots { points, ink, size, opacity } => {
            let mut path = PathBuilder::new();
            points.iter().for_each(|&(x, y)| path.push_circle(x as f32, y as f32, (size / 2.0) as f32));
            fill(pixels, path.finish(), &paint(*ink, *opacity, true), scaled);
        }
        Shape::Rects { rects, ink, opacity } => {
            let mut path = PathBuilder::new();
            for [left, top, width, height] in rects.iter().map(|rect| rect.map(|x| x as f32)) {
                Rect::from_xywh(left, top, width, height).into_iter().for_each(|rect| path.push_rect(rect));
            }
            fill(pixels, path.finish(), &paint(*ink, *opacity, false), scaled);
        }
        Shape::Text { at, text, size, anchor, ink, turned, bold } => {
            let width = font::width(text, *size);
            let shift = match anchor {
                Anchor::Start => 0.0,
                Anchor::Middle => -width / 2.0,
                Anchor::End => -width,
            };
            let turn = Transform::from_rotate(if *turned { -90.0 } else { 0.0 });
            let to = turn.post_translate(at.0 as f32, at.1 as f32).post_scale(SCALE, SCALE);
            let path = outline(text, *size, shift);
            if let (Some(path), true) = (&path, bold) {
                let stroke = Stroke { width: 0.45, line_cap: LineCap::Round, ..Stroke::default() };
                pixels.stroke_path(path, &paint(*ink, 1.0, true), &stroke, to, None);
            }
            fill(pixels, path, &paint(*ink, 1.0, true), to);
        }
    }
}

fn fill(pixels: &mut Pixmap, path: Option<Outline>, paint: &Paint<'_>, to: Transform) {
    if let Some(path) = path {
        pixels.fill_path(&path, paint, FillRule::Winding, to, None);
    }
}

/// The outlines of a text that begins at `left` on the base line 0.
fn outline(text: &str, size: f64, left: f64) -> Option<Outline> {
    let face = font::face()?;
    let scale = (size / f64::from(face.units_per_em())) as f32;
    let mut pen = Pen { path: PathBuilder::new(), left: left as f32, scale };
    for c in text.chars() {
        // Sign 0 is the box for what the font lacks.
        face.outline_glyph(face.glyph_index(c).unwrap_or_default(), &mut pen);
        pen.left += (font::advance(c) * size) as f32;
    }
    pen.path.finish()
}

/// Takes the outline of a sign to its place.
struct Pen {
    path: PathBuilder,
    left: f32,
    scale: f32,
}

impl Pen {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.left + x * self.scale, -y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
