//! Small datasets generated from a seed: the same points everywhere. Two features and classes, or (`sine`) a curve.

use super::{Dataset, Features, Targets};
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream, stream_key};
use libm::{cosf, sinf};
use std::f32::consts::{PI, TAU};

/// Names of the generated datasets.
pub const GENERATED: [&str; 7] = ["spiral", "circles", "moons", "blobs", "xor", "and", "sine"];

/// The generated dataset called `name`, in its usual size.
///
/// ```
/// use anygrad::data::{GENERATED, generated};
/// for name in GENERATED {
///     assert!(generated(name, 0)?.rows() >= 300, "{name}");
/// }
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::UnknownName`] if there is none.
pub fn generated(name: &str, seed: u64) -> Result<Dataset> {
    match name {
        "spiral" => spiral(300, 3, seed),
        "circles" => circles(400, seed),
        "moons" => moons(400, 0.1, seed),
        "blobs" => blobs(100, 3, seed),
        "xor" => xor(400, seed),
        "and" => and(400, seed),
        "sine" => sine(400, seed),
        _ => Err(Error::unknown("dataset", name, GENERATED)),
    }
}

/// `classes` interleaved spiral arms with `per_class` points each, as in the lectures of CS231n: radius 0 to 1, one
/// turn of 4 radians per arm, angle noise of deviation 0.2.
///
/// ```
/// let data = anygrad::data::spiral(100, 3, 0)?;
/// assert_eq!((data.rows(), data.features.width(), data.targets.width()), (300, 2, 3));
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidOption`] without points or classes.
pub fn spiral(per_class: usize, classes: usize, seed: u64) -> Result<Dataset> {
    check_size("per_class", per_class)?;
    check_size("classes", classes)?;
    let mut stream = Stream::new(stream_key(seed, Purpose::Synthetic, 0));
    let (mut points, mut labels) = (Vec::new(), Vec::new());
    for class in 0..classes {
        for i in 0..per_class {
            let radius = i as f32 / per_class as f32;
            let angle = 4.0 * (class as f32 + radius) + 0.2 * stream.next_normal();
            points.extend([radius * sinf(angle), radius * cosf(angle)]);
            labels.push(class as u32);
        }
    }
    two_dimensional("spiral", points, labels, classes)
}

/// Two concentric rings of radius 0.5 and 1 with noise of deviation 0.08, alternating: two classes that no line
/// separates.
///
/// ```
/// let data = anygrad::data::circles(100, 0)?;
/// assert_eq!((data.rows(), data.features.width(), data.targets.width()), (100, 2, 2));
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidOption`] without points.
pub fn circles(points: usize, seed: u64) -> Result<Dataset> {
    check_size("points", points)?;
    let mut stream = Stream::new(stream_key(seed, Purpose::Synthetic, 1));
    let (mut data, mut labels) = (Vec::new(), Vec::new());
    for i in 0..points {
        let class = i % 2;
        let angle = TAU * stream.next_unit();
        let radius = if class == 0 { 0.5 } else { 1.0 };
        data.push(radius * cosf(angle) + 0.08 * stream.next_normal());
        data.push(radius * sinf(angle) + 0.08 * stream.next_normal());
        labels.push(class as u32);
    }
    two_dimensional("circles", data, labels, 2)
}

/// Two half circles of radius 1 that reach into each other, alternating, with noise of deviation `noise`: class 0 is
/// the upper half around (0, 0), class 1 the lower half around (1, ½).
///
/// ```
/// use anygrad::data::moons;
/// assert_eq!(moons(200, 0.1, 0)?.rows(), 200);
/// assert!(moons(200, -1.0, 0).is_err());
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidOption`] without points, or if `noise` is not a number of at least 0.
pub fn moons(points: usize, noise: f32, seed: u64) -> Result<Dataset> {
    check_size("points", points)?;
    if !(noise >= 0.0 && noise.is_finite()) {
        return Err(Error::option("noise", noise, "must be a number of at least 0"));
    }
    let mut stream = Stream::new(stream_key(seed, Purpose::Synthetic, 3));
    let (mut data, mut labels) = (Vec::new(), Vec::new());
    for i in 0..points {
        let angle = PI * stream.next_unit();
        let (sin, cos) = (sinf(angle), cosf(angle));
        let [x, y] = if i % 2 == 0 { [cos, sin] } else { [1.0 - cos, 0.5 - sin] };
        data.push(x + noise * stream.next_normal());
        data.push(y + noise * stream.next_normal());
        labels.push((i % 2) as u32);
    }
    two_dimensional("moons", data, labels, 2)
}

/// `classes` round clouds with `per_class` points each and deviation 0.4, around centres that stand evenly on the unit
/// circle, the first at 30°. They overlap a little.
///
/// ```
/// let data = anygrad::data::blobs(50, 3, 0)?;
/// assert_eq!((data.rows(), data.features.width(), data.targets.width()), (150, 2, 3));
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidOption`] without points or classes.
pub fn blobs(per_class: usize, classes: usize, seed: u64) -> Result<Dataset> {
    check_size("per_class", per_class)?;
    check_size("classes", classes)?;
    let mut stream = Stream::new(stream_key(seed, Purpose::Synthetic, 4));
    let (mut data, mut labels) = (Vec::new(), Vec::new());
    for class in 0..classes {
        let angle = TAU * (class as f32 / classes as f32 + 1.0 / 12.0);
        let (sin, cos) = (sinf(angle), cosf(angle));
        for _ in 0..per_class {
            data.push(cos + 0.4 * stream.next_normal());
            data.push(sin + 0.4 * stream.next_normal());
            labels.push(class as u32);
        }
    }
    two_dimensional("blobs", data, labels, classes)
}

/// The four corners of the unit square, labelled by exclusive or, with noise of deviation 0.1: no line separates them.
///
/// ```
/// use anygrad::data::{Targets, xor};
/// let Targets::Labels { data, .. } = xor(4, 0)?.targets else { unreachable!() };
/// assert_eq!(data, [0, 1, 1, 0]);
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidOption`] without points.
pub fn xor(points: usize, seed: u64) -> Result<Dataset> {
    corners("xor", 2, points, seed, |a, b| a ^ b)
}

/// The four corners of the unit square, labelled by logical and, with noise of deviation 0.1: a line separates them.
///
/// ```
/// assert_eq!(anygrad::data::and(400, 0)?.rows(), 400);
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidOption`] without points.
pub fn and(points: usize, seed: u64) -> Result<Dataset> {
    corners("and", 5, points, seed, |a, b| a & b)
}

/// One period of a sine with noise, a curve to fit: y = sin(2πx) with deviation 0.1, x uniform between 0 and 1.
///
/// ```
/// let data = anygrad::data::sine(100, 0)?;
/// assert_eq!((data.rows(), data.features.width(), data.targets.width()), (100, 1, 1));
/// # Ok::<(), anygrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidOption`] without points.
pub fn sine(points: usize, seed: u64) -> Result<Dataset> {
    check_size("points", points)?;
    let mut stream = Stream::new(stream_key(seed, Purpose::Synthetic, 6));
    let (mut data, mut values) = (Vec::new(), Vec::new());
    for _ in 0..points {
        let x = stream.next_unit();
        data.push(x);
        values.push(sinf(TAU * x) + 0.1 * stream.next_normal());
    }
    let targets = Targets::Values { names: vec!["y".into()], data: values };
    Dataset::new("sine", Features::F32 { width: 1, data }, targets)
}

/// Points around the corners of the unit square, in turn, labelled by a function of the corner; `id` is the stream's.
fn corners(name: &str, id: u32, points: usize, seed: u64, label: fn(u32, u32) -> u32) -> Result<Dataset> {
    check_size("points", points)?;
    let mut stream = Stream::new(stream_key(seed, Purpose::Synthetic, id));
    let (mut data, mut labels) = (Vec::new(), Vec::new());
    for i in 0..points {
        let (a, b) = ((i & 1) as u32, (i >> 1 & 1) as u32);
        data.push(a as f32 + 0.1 * stream.next_normal());
        data.push(b as f32 + 0.1 * stream.next_normal());
        labels.push(label(a, b));
    }
    two_dimensional(name, data, labels, 2)
}

fn check_size(name: &str, count: usize) -> Result<()> {
    if count == 0 { Err(Error::option(name, count, "at least 1")) } else { Ok(()) }
}

fn two_dimensional(name: &str, points: Vec<f32>, labels: Vec<u32>, classes: usize) -> Result<Dataset> {
    let targets =
        Targets::Labels { name: "class".into(), classes: (0..classes).map(|c| c.to_string()).collect(), data: labels };
    Dataset::new(name, Features::F32 { width: 2, data: points }, targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_the_points() {
        for name in GENERATED {
            let data = generated(name, 1).unwrap();
            assert_eq!(data, generated(name, 1).unwrap());
            assert_ne!(data, generated(name, 2).unwrap());
            let Features::F32 { data: points, .. } = &data.features else { panic!("floats") };
            assert!(points.iter().all(|x| x.is_finite() && x.abs() < 3.0), "{name}");
        }
        assert!(generated("spirall", 0).unwrap_err().to_string().contains("`spiral`"));
    }

    #[test]
    fn the_points_lie_where_the_docs_say() {
        let rows = |data: &Dataset| -> (Vec<[f32; 2]>, Vec<u32>) {
            let (Features::F32 { data: points, .. }, Targets::Labels { data: labels, .. }) =
                (&data.features, &data.targets)
            else {
                panic!("floats and labels")
            };
            (points.chunks_exact(2).map(|p| [p[0], p[1]]).collect(), labels.clone())
        };
        let (points, labels) = rows(&moons(100, 0.0, 1).unwrap());
        for ([x, y], label) in points.into_iter().zip(labels) {
            let [x, y] = if label == 0 { [x, y] } else { [1.0 - x, 0.5 - y] };
            assert!((x.hypot(y) - 1.0).abs() < 1e-5 && y >= 0.0, "class {label}: {x}, {y}");
        }
        let (points, labels) = rows(&and(100, 1).unwrap());
        for ([a, b], label) in points.into_iter().zip(labels) {
            assert_eq!(label, u32::from(a > 0.5 && b > 0.5), "{a}, {b}");
        }
        let (points, labels) = rows(&blobs(1000, 3, 1).unwrap());
        for class in 0..3 {
            let of_class = || points.iter().zip(&labels).filter(|(_, label)| **label == class).map(|(point, _)| point);
            let angle = TAU * (class as f32 / 3.0 + 1.0 / 12.0);
            for (axis, centre) in [angle.cos(), angle.sin()].into_iter().enumerate() {
                let mean = of_class().map(|point| point[axis]).sum::<f32>() / 1000.0;
                let variance = of_class().map(|point| (point[axis] - mean).powi(2)).sum::<f32>() / 1000.0;
                assert!((mean - centre).abs() < 0.05 && (variance.sqrt() - 0.4).abs() < 0.04, "{class}: {mean}");
            }
        }
        let data = sine(1000, 1).unwrap();
        let (Features::F32 { data: x, .. }, Targets::Values { data: y, .. }) = (&data.features, &data.targets) else {
            panic!("floats and values")
        };
        let square = x.iter().zip(y).map(|(x, y)| (y - (TAU * x).sin()).powi(2)).sum::<f32>() / 1000.0;
        assert!((square.sqrt() - 0.1).abs() < 0.01 && x.iter().all(|x| (0.0..1.0).contains(x)), "{square}");
    }
}
