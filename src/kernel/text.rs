//! The text of a WGSL file in the library: whole, but in WebAssembly, where it is downloaded, without comments, indentation
//! and empty lines.

/// The content of a file, given as `include_str!` of it.
macro_rules! text {
    ($whole:expr) => {{
        #[cfg(not(target_arch = "wasm32"))]
        {
            $whole
        }
        #[cfg(target_arch = "wasm32")]
        {
            const WHOLE: &str = $whole;
            const BARE: [u8; $crate::kernel::text::bare_length(WHOLE)] = $crate::kernel::text::bare(WHOLE);
            const TEXT: &str = match std::str::from_utf8(&BARE) {
                Ok(text) => text,
                Err(_) => panic!("comments and indentation are whole characters"),
            };
            TEXT
        }
    }};
}
pub(crate) use text;

/// The length of [`bare`].
#[cfg(any(target_arch = "wasm32", test))]
pub(crate) const fn bare_length(whole: &str) -> usize {
    copy(whole.as_bytes(), &mut [])
}

/// A text without comments, indentation and empty lines. WGSL has no texts in quotes in which `//` could stand.
#[cfg(any(target_arch = "wasm32", test))]
pub(crate) const fn bare<const LENGTH: usize>(whole: &str) -> [u8; LENGTH] {
    let mut to = [0; LENGTH];
    copy(whole.as_bytes(), &mut to);
    to
}

/// Copies what is left of a text, as far as there is place for it; the length of all that is left.
#[cfg(any(target_arch = "wasm32", test))]
const fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let (mut length, mut i) = (0, 0);
    // Whether the line has had a character that stays.
    let mut is_begun = false;
    while i < from.len() {
        if from[i] == b'/' && i + 1 < from.len() && from[i + 1] == b'/' {
            while i < from.len() && from[i] != b'\n' {
                i += 1;
            }
            continue;
        }
        let is_blank = from[i] == b'\n' || from[i] == b' ';
        if is_begun || !is_blank {
            if length < to.len() {
                to[length] = from[i];
            }
            length += 1;
        }
        is_begun = from[i] != b'\n' && (is_begun || !is_blank);
        i += 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_indentation_and_empty_lines_go_and_nothing_else() {
        const WHOLE: &str = "// Über alles.\n\nfn f(x: f32) -> f32 { // why\n    return x / 2.0;\n}\n// end";
        const BARE: [u8; bare_length(WHOLE)] = bare(WHOLE);
        assert_eq!(std::str::from_utf8(&BARE), Ok("fn f(x: f32) -> f32 { \nreturn x / 2.0;\n}\n"));
    }

    /// The words of a text, comments left out.
    fn words(text: &str) -> Vec<&str> {
        text.lines().flat_map(|line| line.split("//").next().unwrap_or("").split_whitespace()).collect()
    }

    #[test]
    fn every_kernel_keeps_its_words() {
        for spec in crate::ops::kernels() {
            for variant in spec.variants {
                let whole = variant.source;
                let mut bare = vec![0; bare_length(whole)];
                copy(whole.as_bytes(), &mut bare);
                let bare = String::from_utf8(bare).unwrap();
                assert_eq!(words(&bare), words(whole), "{}", variant.file);
                assert!(!bare.contains("//") && bare.len() < whole.len(), "{}", variant.file);
            }
        }
    }
}
