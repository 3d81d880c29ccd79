//! The recipes of a sweep: `--set KEY=…` with several values or a range, all combinations of them or some drawn at random.

use anygrad::random::{Purpose, stream_key_of, threefry};
use anygrad::{Error, Result};

/// Most recipes of a sweep: what is more was not meant.
const MOST: usize = 10_000;

/// A setting that varies.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// As `--set` takes it.
    pub key: String,
    values: Values,
}

/// What a setting is given in turn.
#[derive(Clone, Debug, PartialEq)]
enum Values {
    /// These, as they were written.
    List(Vec<String>),
    /// Numbers between two ends.
    Range(Range),
}

/// Numbers from `low` to `high`, both included.
#[derive(Clone, Debug, PartialEq)]
struct Range {
    text: String,
    low: f64,
    high: f64,
    /// Points of a grid.
    count: Option<usize>,
    /// Whether ratios are equal, not distances.
    is_log: bool,
    is_whole: bool,
}

/// A value for each axis.
pub type Point = Vec<String>;

/// The axis that the text of a `--set` describes; none if it gives its key a single value.
pub fn axis(text: &str) -> Result<Option<Axis>> {
    let Some((key, value)) = text.split_once('=') else { return Ok(None) };
    let (key, parts) = (key.trim().to_string(), split(value));
    if let [only] = &parts[..] {
        let range = Range::parse(text, only)?;
        return Ok(range.map(|range| Axis { key, values: Values::Range(range) }));
    }
    if parts.iter().any(String::is_empty) {
        return Err(Error::option("--set", text, "has an empty value between its commas"));
    }
    if let Some(twice) = (1..parts.len()).find(|&i| parts[..i].contains(&parts[i])) {
        return Err(Error::option("--set", text, &format!("names {} twice", parts[twice])));
    }
    Ok(Some(Axis { key, values: Values::List(parts) }))
}

/// The parts between commas, but for those in brackets, braces and quotes.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut depth, mut quote) = (vec![String::new()], 0u32, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().into_iter().for_each(|part| part.push(c));
    }
    parts.into_iter().map(|part| part.trim().to_string()).collect()
}

impl Range {
    /// `LOW..HIGH`, with `:COUNT`, `:log` or `:linear` behind it; none if the text is something else.
    fn parse(setting: &str, text: &str) -> Result<Option<Range>> {
        let mut parts = text.split(':').map(str::trim);
        let Some((low, high)) = parts.next().and_then(|ends| ends.split_once("..")) else { return Ok(None) };
        let (low, high) = (low.trim(), high.trim());
        let (Ok(from), Ok(to)) = (low.parse::<f64>(), high.parse::<f64>()) else { return Ok(None) };
        let refused = |why: &str| Err(Error::option("--set", setting, why));
        if !(from < to && from.is_finite() && to.is_finite()) {
            return refused("a range goes from a number to a larger one, such as 0.001..0.1");
        }
        let is_whole = low.parse::<i64>().is_ok() && high.parse::<i64>().is_ok();
        let is_log = from > 0.0 && to / from >= 10.0;
        let mut range = Range { text: setting.into(), low: from, high: to, count: None, is_log, is_whole };
        for part in parts {
            match (part, part.parse::<usize>()) {
                ("log", _) if from > 0.0 => range.is_log = true,
                ("log", _) => return refused("a logarithmic range lies above 0"),
                ("linear", _) => range.is_log = false,
                (_, Ok(count)) if (2..=MOST).contains(&count) => range.count = Some(count),
                _ => return refused("behind a range stands how many points it has, from 2, or log or linear"),
            }
        }
        Ok(Some(range))
    }

    /// The number at a share of the way from `low` to `high`.
    fn at(&self, share: f64) -> String {
        let number = match self.is_log {
            true => libm::exp(libm::log(self.low) + share * (libm::log(self.high) - libm::log(self.low))),
            false => self.low + share * (self.high - self.low),
        };
        if self.is_whole {
            return format!("{:.0}", number.clamp(self.low, self.high));
        }
        // Four digits say it as well, and are the same on every machine.
        let short: f64 = format!("{number:.3e}").parse().unwrap_or(number);
        short.clamp(self.low, self.high).to_string()
    }

    /// The points of a grid; of whole numbers each once.
    fn points(&self) -> Result<Vec<String>> {
        let Some(count) = self.count else {
            let expected =
                "a grid needs the number of points of a range, such as 0.001..0.1:5; --random N draws from it";
            return Err(Error::option("--set", &self.text, expected));
        };
        let mut points: Vec<String> = (0..count).map(|i| self.at(i as f64 / (count - 1) as f64)).collect();
        points.dedup();
        Ok(points)
    }
}

impl Axis {
    /// All values.
    fn all(&self) -> Result<Vec<String>> {
        match &self.values {
            Values::List(values) => Ok(values.clone()),
            Values::Range(range) => range.points(),
        }
    }

    /// A value at random: a function of the seed, the key and the number of the draw.
    fn draw(&self, seed: u64, number: u32) -> Result<String> {
        let [high, low] = threefry(stream_key_of(seed, Purpose::Search, &self.key), [number, 0]);
        let share = ((u64::from(high) << 32 | u64::from(low)) >> 11) as f64 / (1u64 << 53) as f64;
        match &self.values {
            Values::Range(range) if range.count.is_none() && range.is_whole && !range.is_log => {
                Ok(format!("{:.0}", range.low + (share * (range.high - range.low + 1.0)).floor()))
            }
            Values::Range(range) if range.count.is_none() => Ok(range.at(share)),
            _ => {
                let all = self.all()?;
                Ok(all[((share * all.len() as f64) as usize).min(all.len() - 1)].clone())
            }
        }
    }
}

/// All combinations; the value of the last axis changes first.
pub fn grid(axes: &[Axis]) -> Result<Vec<Point>> {
    let mut points = vec![Point::new()];
    for axis in axes {
        let values = axis.all()?;
        if points.len() * values.len() > MOST {
            let expected = format!("makes more than {MOST} recipes: take fewer values, or --random N of them");
            return Err(Error::option("--set", &axis.key, &expected));
        }
        let with = |point: &Point| {
            values.iter().map(|value| [&point[..], std::slice::from_ref(value)].concat()).collect::<Vec<_>>()
        };
        points = points.iter().flat_map(with).collect();
    }
    Ok(points)
}

/// So many different combinations at random; fewer if there are no more.
pub fn random(axes: &[Axis], count: usize, seed: u64) -> Result<Vec<Point>> {
    let mut points: Vec<Point> = Vec::new();
    let tries = count.saturating_mul(100).min(u32::MAX as usize) as u32;
    for number in 0..tries {
        if points.len() == count {
            break;
        }
        let point = axes.iter().map(|axis| axis.draw(seed, number)).collect::<Result<Point>>()?;
        if !points.contains(&point) {
            points.push(point);
        }
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis_of(text: &str) -> Axis {
        axis(text).unwrap().unwrap_or_else(|| panic!("{text} varies"))
    }

    #[test]
    fn values_are_separated_by_commas_outside_of_brackets_and_quotes() {
        assert_eq!(axis_of("a.b=1,2, 3").all().unwrap(), ["1", "2", "3"]);
        assert_eq!(axis_of("a=[1,2],[3]").all().unwrap(), ["[1,2]", "[3]"]);
        assert_eq!(axis_of("a={x=1,y=2},{x=3}").all().unwrap(), ["{x=1,y=2}", "{x=3}"]);
        for single in ["a=\"x,y\"", "a=[1,2,3]", "a=5", "a=elu:1", "a=../x.csv", "a"] {
            assert_eq!(axis(single).unwrap(), None, "{single}");
        }
        for (wrong, part) in [("a=1,", "empty"), ("a=1,2,1", "twice"), ("a=3..1", "larger"), ("a=0..1:log", "above 0")]
        {
            assert!(axis(wrong).unwrap_err().to_string().contains(part), "{wrong}");
        }
    }

    #[test]
    fn ranges_are_logarithmic_where_they_span_a_decade_and_whole_where_their_ends_are() {
        assert_eq!(axis_of("a=0.001..0.1:3").all().unwrap(), ["0.001", "0.01", "0.1"]);
        assert_eq!(axis_of("a=0.0..1.0:3").all().unwrap(), ["0", "0.5", "1"]);
        assert_eq!(axis_of("a=0.001..0.1:3:linear").all().unwrap(), ["0.001", "0.0505", "0.1"]);
        assert_eq!(axis_of("a=8..128:5").all().unwrap(), ["8", "16", "32", "64", "128"]);
        assert_eq!(axis_of("a=1..3:9").all().unwrap(), ["1", "2", "3"]);
        assert!(axis_of("a=0.1..0.2").all().unwrap_err().to_string().contains("number of points"));
    }

    #[test]
    fn a_grid_counts_up_the_last_axis_first() {
        let axes = [axis_of("a=1,2"), axis_of("b=x,y")];
        assert_eq!(grid(&axes).unwrap(), [["1", "x"], ["1", "y"], ["2", "x"], ["2", "y"]]);
        let wide = axis_of("a=0.1..0.2:9999");
        assert!(grid(&[wide.clone(), wide]).unwrap_err().to_string().contains("--random"));
    }

    #[test]
    fn draws_follow_from_the_seed_and_lie_in_their_range() {
        let axes = [axis_of("rate=0.001..0.1"), axis_of("width=4..6"), axis_of("kind=sgd,adam")];
        let points = random(&axes, 200, 7).unwrap();
        assert_eq!(points, random(&axes, 200, 7).unwrap());
        assert_ne!(points, random(&axes, 200, 8).unwrap());
        let rates: Vec<f64> = points.iter().map(|point| point[0].parse().unwrap()).collect();
        assert!(rates.iter().all(|rate| (0.001..=0.1).contains(rate)));
        // As many in each decade.
        let small = rates.iter().filter(|rate| **rate < 0.01).count();
        assert!((70..130).contains(&small), "{small}");
        for width in ["4", "5", "6"] {
            let count = points.iter().filter(|point| point[1] == width).count();
            assert!((40..95).contains(&count), "{width}: {count}");
        }
        // Another axis beside it changes no draw.
        let alone = random(&axes[..1], 200, 7).unwrap();
        assert_eq!(
            alone[..50].iter().map(|p| &p[0]).collect::<Vec<_>>(),
            points[..50].iter().map(|p| &p[0]).collect::<Vec<_>>()
        );
        // No more than there are.
        assert_eq!(random(&axes[2..], 9, 0).unwrap().len(), 2);
    }
}
