//! The font that PNG files are written with, and that texts are measured by: DejaVu Sans, reduced to Latin, Greek and
//! Cyrillic. Signs that it lacks are boxes in PNG files; SVG files leave the choice of a font to who shows them.

use std::sync::OnceLock;
use ttf_parser::Face;

static BYTES: &[u8] = include_bytes!("dejavu-sans.ttf");

/// The font.
pub fn face() -> Option<&'static Face<'static>> {
    static FACE: OnceLock<Option<Face<'static>>> = OnceLock::new();
    FACE.get_or_init(|| Face::parse(BYTES, 0).ok()).as_ref()
}

/// Width of a text of a size.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| advance(c) * size).sum()
}

/// Width of a sign, as a share of the size.
pub fn advance(c: char) -> f64 {
    let of = |face: &Face<'_>| {
        let glyph = face.glyph_index(c).unwrap_or_default();
        Some(f64::from(face.glyph_hor_advance(glyph)?) / f64::from(face.units_per_em()))
    };
    // What the font lacks is taken for a wide sign.
    face().filter(|face| face.glyph_index(c).is_some()).and_then(of).unwrap_or(1.0)
}

/// A text that is at most so wide: its middle is left out if it is wider.
pub fn cut(text: &str, size: f64, most: f64) -> String {
    let text = anygrad::error::shown(text);
    if width(&text, size) <= most {
        return text;
    }
    let chars: Vec<char> = text.chars().collect();
    for kept in (1..chars.len()).rev() {
        let (start, end) = (kept.div_ceil(2), kept / 2);
        let shorter: String = chars[..start].iter().chain(&['…']).chain(&chars[chars.len() - end..]).collect();
        if width(&shorter, size) <= most {
            return shorter;
        }
    }
    "…".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_lose_their_middle() {
        assert_eq!(cut("short", 10.0, 100.0), "short");
        let text = cut("a name that is much too long for its place", 10.0, 80.0);
        assert!(text.starts_with("a na") && text.ends_with("ace") && text.contains('…'), "{text}");
        assert!(width(&text, 10.0) <= 80.0);
        assert!(width("mmm", 10.0) > width("iii", 10.0));
    }
}
