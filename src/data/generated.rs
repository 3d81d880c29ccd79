//! Datasets of two features generated from a seed: the same points everywhere.

use super::{Dataset, Features, Targets};
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream, stream_key};
use std::f32::consts::TAU;

/// Names of the generated datasets.
pub const GENERATED: [&str; 3] = ["spiral", "circles", "xor"];

/// The generated dataset called `name`, in its usual size.
///
/// # Errors
/// [`Error::UnknownName`] if there is none.
pub fn generated(name: &str, seed: u64) -> Result<Dataset> {
    match name {
        "spiral" => spiral(300, 3, seed),
        "circles" => circles(400, seed),
        "xor" => xor(400, seed),
        _ => Err(Error::unknown("dataset", name, GENERATED)),
    }
}

/// `classes` interleaved spiral arms with `per_class` points each, as in the lectures of CS231n: radius 0 to 1, one
/// turn of 4 radians per arm, angle noise of deviation 0.2.
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
            points.extend([radius * angle.sin(), radius * angle.cos()]);
            labels.push(class as u32);
        }
    }
    two_dimensional("spiral", points, labels, classes)
}

/// Two concentric rings of radius 0.5 and 1 with noise of deviation 0.08, alternating.
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
        data.push(radius * angle.cos() + 0.08 * stream.next_normal());
        data.push(radius * angle.sin() + 0.08 * stream.next_normal());
        labels.push(class as u32);
    }
    two_dimensional("circles", data, labels, 2)
}

/// The four corners of the unit square, labelled by exclusive or, with noise of deviation 0.1.
///
/// # Errors
/// [`Error::InvalidOption`] without points.
pub fn xor(points: usize, seed: u64) -> Result<Dataset> {
    check_size("points", points)?;
    let mut stream = Stream::new(stream_key(seed, Purpose::Synthetic, 2));
    let (mut data, mut labels) = (Vec::new(), Vec::new());
    for i in 0..points {
        let (a, b) = ((i & 1) as u32, (i >> 1 & 1) as u32);
        data.push(a as f32 + 0.1 * stream.next_normal());
        data.push(b as f32 + 0.1 * stream.next_normal());
        labels.push(a ^ b);
    }
    two_dimensional("xor", data, labels, 2)
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
            assert!(points.iter().all(|x| x.is_finite() && x.abs() < 2.0), "{name}");
        }
        assert!(generated("spirall", 0).unwrap_err().to_string().contains("`spiral`"));
    }
}
