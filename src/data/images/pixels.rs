//! Image files as bytes: their format, found out or told, and their pixels, read on all processors.

use super::super::gzip::no_memory;
use super::{Color, ImageOptions};
use crate::error::{Error, Result};
use crate::files::limit;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, imageops};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The size of images that differ in theirs, and of large ones.
const SIZE: [usize; 2] = [32, 32];
/// Most pixels each way of images that keep their own size, unless it is told.
const MOST_OWN: usize = 128;
/// Most bytes that decoding one file may take.
const MOST_BYTES: u64 = 512 << 20;
/// Most pixels that a byte of a file can stand for: in PNG 8 a byte, and deflate makes 1,032 bytes of one; in JPEG 64 a bit.
const MOST_PIXELS_PER_BYTE: [u64; 2] = [8 * 1032, 512];
const REMEDY: &str = "convert it to PNG or JPEG, or take it out of the folder";

/// The size and the channels that images are brought to.
pub(super) fn format(
    files: &[PathBuf],
    options: &ImageOptions,
    decisions: &mut Vec<String>,
) -> Result<([usize; 2], Color)> {
    let (mut sizes, mut grey) = (BTreeMap::new(), 0);
    // What is told need not be looked for.
    if options.size.is_none() || options.color.is_none() {
        let mut kinds = vec![([0; 2], false); files.len()];
        each(files.iter().zip(&mut kinds), |(path, kind)| {
            *kind = kind_of(path)?;
            Ok(())
        })?;
        for (size, is_grey) in kinds {
            *sizes.entry(size).or_insert(0usize) += 1;
            grey += usize::from(is_grey);
        }
    }
    let size = options.size.unwrap_or_else(|| {
        let (size, why) = match sizes.keys().collect::<Vec<_>>()[..] {
            [own] if own.iter().all(|&pixels| pixels <= MOST_OWN) => (*own, "the size of all images".into()),
            [[height, width]] => (SIZE, format!("all images are of {height}×{width}, too large to be kept")),
            _ => (SIZE, format!("the images are of {} sizes", sizes.len())),
        };
        decisions.push(format!("size  {}×{} ({why})", size[0], size[1]));
        size
    });
    let color = options.color.unwrap_or_else(|| {
        let (color, name) = if grey == files.len() { (Color::Grey, "grey") } else { (Color::Rgb, "rgb") };
        decisions.push(format!("color  {name} ({grey} of {} images are grey)", files.len()));
        color
    });
    Ok((size, color))
}

/// The pixels of all images, `[channel, height, width]` of one after those of the other.
pub(super) fn decode(folder: &Path, files: &[PathBuf], size: [usize; 2], color: Color) -> Result<Vec<u8>> {
    let width = size[0] * size[1] * color.channels();
    let bytes = files.len().checked_mul(width);
    let mut data = Vec::new();
    if bytes.is_none_or(|bytes| data.try_reserve_exact(bytes).is_err()) {
        return Err(no_memory(folder, files.len() as u64 * width as u64));
    }
    data.resize(files.len() * width, 0);
    each(files.iter().zip(data.chunks_exact_mut(width)), |(path, row)| read(path, size, color, row))?;
    Ok(data)
}

/// Does `work` on each item, on all processors, or on fewer if threads cannot be had. Fails with the error of the first
/// item that has one.
fn each<T: Send>(items: impl Iterator<Item = T> + Send, work: impl Fn(T) -> Result<()> + Sync) -> Result<()> {
    let queue = Mutex::new((items.enumerate(), None::<(usize, Error)>));
    let run = || {
        loop {
            let Ok(mut next) = queue.lock() else { return };
            // Items go out in order, so that all before one with an error have been taken.
            let (items, None) = &mut *next else { return };
            let Some((at, item)) = items.next() else { return };
            drop(next);
            if let Err(error) = work(item) {
                let Ok(mut next) = queue.lock() else { return };
                if next.1.as_ref().is_none_or(|&(first, _)| at < first) {
                    next.1 = Some((at, error));
                }
            }
        }
    };
    let others = std::thread::available_parallelism().map_or(0, |processors| processors.get() - 1);
    std::thread::scope(|scope| {
        for _ in 0..others {
            if std::thread::Builder::new().spawn_scoped(scope, run).is_err() {
                break;
            }
        }
        run();
    });
    match queue.into_inner() {
        Ok((_, Some((_, error)))) => Err(error),
        _ => Ok(()),
    }
}

/// A decoder for a file whose first bytes say PNG or JPEG.
fn open(path: &Path) -> Result<impl ImageDecoder> {
    let failed = |e| Error::io("read", path, e);
    let mut reader = ImageReader::open(path).map_err(failed)?.with_guessed_format().map_err(failed)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(limit(MOST_BYTES));
    reader.limits(limits);
    match reader.format() {
        Some(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => {
            let decoder = reader.into_decoder().map_err(|e| damaged(path, &e))?;
            let length = path.metadata().map_err(failed)?.len();
            let (width, height) = decoder.dimensions();
            let most = length.saturating_mul(MOST_PIXELS_PER_BYTE[usize::from(format == ImageFormat::Jpeg)]);
            if u64::from(width) * u64::from(height) > most {
                let reason =
                    format!("truncated: {length} bytes cannot hold the {width}×{height} pixels that it promises");
                return Err(Error::data(path, "", reason, "replace it, or take it out of the folder"));
            }
            Ok(decoder)
        }
        Some(other) => Err(Error::data(path, "", format!("an image of the format {other:?}"), REMEDY)),
        None => Err(Error::data(path, "", "not an image", REMEDY)),
    }
}

fn damaged(path: &Path, error: &image::ImageError) -> Error {
    Error::data(path, "", format!("a damaged image: {error}"), "replace it, or take it out of the folder")
}

/// Height and width of a file's image, once turned, and whether it is grey.
fn kind_of(path: &Path) -> Result<([usize; 2], bool)> {
    let mut decoder = open(path)?;
    let (width, height) = decoder.dimensions();
    let orientation = decoder.orientation().map_err(|e| damaged(path, &e))?;
    let mut size = [height as usize, width as usize];
    if lies(orientation) {
        size.reverse();
    }
    let is_grey = matches!(decoder.color_type(), ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16);
    Ok((size, is_grey))
}

/// Whether an image has to be turned to a side.
fn lies(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    )
}

/// Reads an image into a row of bytes.
fn read(path: &Path, [height, width]: [usize; 2], color: Color, row: &mut [u8]) -> Result<()> {
    let mut decoder = open(path)?;
    let orientation = decoder.orientation().map_err(|e| damaged(path, &e))?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|e| damaged(path, &e))?;
    image.apply_orientation(orientation);
    let mut image = image.into_rgb8();
    if image.dimensions() != (width as u32, height as u32) {
        image = imageops::resize(&image, width as u32, height as u32, imageops::FilterType::Triangle);
    }
    let pixels = height * width;
    for (at, pixel) in image.pixels().enumerate() {
        let [red, green, blue] = pixel.0;
        match color {
            Color::Grey => row[at] = brightness(red, green, blue),
            Color::Rgb => [red, green, blue].iter().enumerate().for_each(|(i, &byte)| row[i * pixels + at] = byte),
        }
    }
    Ok(())
}

/// The brightness of a color by Rec. 601, rounded.
fn brightness(red: u8, green: u8, blue: u8) -> u8 {
    ((299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue) + 500) / 1000) as u8
}
