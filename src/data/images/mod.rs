//! Images as rows of bytes: what a set of them holds, what its features are called, and folders of image files.

mod folder;
#[cfg(feature = "images")]
mod pixels;
#[cfg(all(test, feature = "images"))]
mod tests;

use super::{Dataset, Features, Parts, Preprocessing, Targets};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Images with their classes, and what was taken for what.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// The images, in the parts that their folder or files name.
    pub parts: Parts<Dataset>,
    /// What was taken for what while reading, a sentence each: `size  32×32 (the sizes differ)`.
    pub decisions: Vec<String>,
}

/// Most pixels of an image.
const MOST_PIXELS: usize = 1 << 18;

/// The channels of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// One: the brightness, 0.299 of red, 0.587 of green and 0.114 of blue.
    Grey,
    /// Red, green, blue.
    Rgb,
}

/// How the images of a folder become rows. Without settings all is found out from the images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageOptions {
    /// Height and width in pixels that all images are brought to. Without it: their own size, if they have one and it is
    /// at most 128 each way; else 32×32.
    pub size: Option<[usize; 2]>,
    /// The channels. Without it: grey if all images are, else red, green and blue.
    pub color: Option<Color>,
    /// The classes in the order of their labels, each the name of a folder. Without it: the folders, sorted by name, as
    /// numbers if all are whole numbers.
    pub classes: Option<Vec<String>>,
}

impl ImageOptions {
    /// Size and color that features with these names come from, to read other images as a model had its own; nothing if
    /// they are not [the names of an image's features](images).
    ///
    /// ```
    /// use anygrad::data::{Color, ImageOptions};
    /// let names = ["pixel_0_0", "pixel_0_1", "pixel_0_2", "pixel_1_0", "pixel_1_1", "pixel_1_2"].map(String::from);
    /// let options = ImageOptions::of_features(&names).unwrap();
    /// assert_eq!((options.size, options.color), (Some([2, 3]), Some(Color::Grey)));
    /// ```
    pub fn of_features(names: &[String]) -> Option<ImageOptions> {
        let mut last = names.last()?.split('_');
        let color = match last.next()? {
            "pixel" => Color::Grey,
            "blue" => Color::Rgb,
            _ => return None,
        };
        let mut extent = || last.next()?.parse::<usize>().ok()?.checked_add(1);
        let size = [extent()?, extent()?];
        let is_whole = size[0].checked_mul(size[1])? * color.channels() == names.len();
        (is_whole && feature_names(size, color) == names).then_some(ImageOptions {
            size: Some(size),
            color: Some(color),
            classes: None,
        })
    }

    fn check(&self) -> Result<()> {
        match self.size {
            Some([height, width]) if !(1..=MOST_PIXELS).contains(&height.saturating_mul(width)) => {
                let expected = format!("an image must have 1 to {MOST_PIXELS} pixels");
                Err(Error::option("image_size", format!("{height}x{width}"), &expected))
            }
            _ => Ok(()),
        }
    }
}

impl Color {
    /// Number of channels.
    pub fn channels(self) -> usize {
        match self {
            Color::Grey => 1,
            Color::Rgb => 3,
        }
    }
}

/// The PNG and JPEG files of a folder with one subfolder for each class, or with such folders in subfolders `train`,
/// `validation` (or `val`) and `test`.
///
/// All images are brought to one size, without regard to their proportions, after the turn that a camera noted in them.
/// A row is an image: bytes of shape `[channel, height, width]`, which a model sees scaled to `[0, 1]`, called
/// `pixel_ROW_COLUMN` if grey, else `red_ROW_COLUMN`, then `green_…`, `blue_…`. Transparency is left out, 16 bits become
/// 8. Hidden files, and those that systems leave in folders, do not count.
///
/// ```
/// # use std::path::Path;
/// use anygrad::data::{ImageOptions, images};
/// let options = ImageOptions { size: Some([64, 64]), ..ImageOptions::default() };
/// let error = images(Path::new("no/such/folder"), &options).unwrap_err();
/// assert_eq!(error.to_string(), "cannot read no/such/folder: No such file or directory (os error 2); check the path");
/// ```
///
/// # Errors
/// [`Error::Data`] for a file that is no image of these formats or is damaged, a class without images, fewer than two
/// classes, or more pixels than the main memory takes; [`Error::InvalidOption`] for a size without pixels;
/// [`Error::Io`] if a file cannot be read.
pub fn images(folder: &Path, options: &ImageOptions) -> Result<Images> {
    options.check()?;
    let found = folder::classes(folder, options.classes.as_deref())?;
    let mut decisions = found.decisions;
    let files: Vec<PathBuf> = found.parts.iter().flat_map(|(_, part)| part.files()).cloned().collect();
    let (size, color) = format(&files, options, &mut decisions)?;
    let feature_names = feature_names(size, color);
    let name = folder.file_name().map_or("images".into(), |name| name.to_string_lossy().into_owned());
    let parts = found.parts.try_map(|part| {
        let files: Vec<PathBuf> = part.files().cloned().collect();
        let data = decode(folder, &files, size, color)?;
        let targets = Targets::Labels { name: "class".into(), classes: found.classes.clone(), data: part.labels() };
        pixels(&name, data, feature_names.clone(), targets)
    })?;
    Ok(Images { parts, decisions })
}

/// All PNG and JPEG files of a folder and the folders in it, or one file: images without classes, to predict them. Returns
/// their pixels as [`images`] does, and their files, sorted.
///
/// ```
/// # use std::path::Path;
/// use anygrad::data::{ImageOptions, image_rows};
/// let error = image_rows(Path::new("no/such/folder"), &ImageOptions::default()).unwrap_err();
/// assert!(error.to_string().starts_with("cannot read no/such/folder"));
/// ```
///
/// # Errors
/// As [`images`], but for the classes.
pub fn image_rows(path: &Path, options: &ImageOptions) -> Result<(Features, Vec<PathBuf>)> {
    options.check()?;
    let files = folder::below(path)?;
    let (size, color) = format(&files, options, &mut Vec::new())?;
    let width = color.channels() * size[0] * size[1];
    Ok((Features::U8 { width, data: decode(path, &files, size, color)? }, files))
}

#[cfg(feature = "images")]
use pixels::{decode, format};

#[cfg(not(feature = "images"))]
fn format(files: &[PathBuf], _: &ImageOptions, _: &mut Vec<String>) -> Result<([usize; 2], Color)> {
    let path = files.first().map_or(Path::new("images"), PathBuf::as_path);
    Err(Error::data(path, "", "this build reads no image files", "build anygrad with its feature `images`"))
}

#[cfg(not(feature = "images"))]
fn decode(folder: &Path, _: &[PathBuf], _: [usize; 2], _: Color) -> Result<Vec<u8>> {
    Err(Error::data(folder, "", "this build reads no image files", "build anygrad with its feature `images`"))
}

/// Names of the features of an image: all of a channel, row by row, before the next channel.
fn feature_names([height, width]: [usize; 2], color: Color) -> Vec<String> {
    let channels: &[&str] = match color {
        Color::Grey => &["pixel"],
        Color::Rgb => &["red", "green", "blue"],
    };
    let cells =
        |channel| (0..height).flat_map(move |row| (0..width).map(move |column| format!("{channel}_{row}_{column}")));
    channels.iter().flat_map(cells).collect()
}

/// Names `pixel0`, `pixel1`, … for grey images.
pub(super) fn pixel_names(pixels: usize) -> Vec<String> {
    (0..pixels).map(|i| format!("pixel{i}")).collect()
}

/// Names `red0`, …, `green0`, …, `blue0`, … for images in color.
pub(super) fn channel_names(pixels: usize) -> Vec<String> {
    ["red", "green", "blue"].iter().flat_map(|color| (0..pixels).map(move |i| format!("{color}{i}"))).collect()
}

/// A dataset of bytes that a model sees scaled to `[0, 1]`.
pub(super) fn pixels(name: &str, data: Vec<u8>, feature_names: Vec<String>, targets: Targets) -> Result<Dataset> {
    let data = Dataset {
        name: name.into(),
        features: Features::U8 { width: feature_names.len(), data },
        feature_names,
        targets,
        preprocessing: Preprocessing::Scale { factor: 1.0 / 255.0 },
        target_preprocessing: Preprocessing::None,
        weights: None,
        encoder: None,
    };
    data.check()?;
    Ok(data)
}
