//! NPZ files: which of their arrays are features, targets, parts or columns.

use super::{Array, DAMAGED, refused, table, zip};
use crate::data::Parts;
use crate::data::table::{Cells, MOST_TEXTS, ReadOptions, Table, Want};
use crate::error::{Error, Result};
use std::path::Path;

const FEATURES: [&str; 4] = ["x", "data", "features", "images"];
const TARGETS: [&str; 5] = ["y", "target", "targets", "labels", "label"];
const NAMES: [&str; 2] = ["feature_names", "columns"];
const PARTS: [(&str, Part); 4] =
    [("train", Part::Train), ("test", Part::Test), ("val", Part::Validation), ("validation", Part::Validation)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Train,
    Validation,
    Test,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Features,
    Target,
}

/// Reads an NPZ file, by the names of its arrays, whatever their case:
///
/// - `x`, `data`, `features` or `images`, of shape `[N, …]`: the features `x0`, `x1`, …, or as the texts in
///   `feature_names` or `columns` call them. `y`, `target`, `targets`, `labels` or `label`: the target `y`; of several
///   columns `y0`, `y1`, ….
/// - these names with `train`, `val`, `validation` or `test` before or behind them, as `x_train`: parts.
/// - one array alone: its rows, as in an NPY file. One of rows and one `[N]`, as `savez(X, y)` writes: features and
///   target.
/// - else, arrays `[N]` of one length: each a column.
///
/// ```
/// # use std::path::Path;
/// use anygrad::data::table::{ReadOptions, npy};
/// let error = npy::read_npz(Path::new("no/such.npz"), &ReadOptions::default()).unwrap_err();
/// assert!(error.to_string().contains("no/such.npz"));
/// ```
///
/// # Errors
/// [`Error::Data`] if it is no such archive or is damaged, arrays do not fit together, or as [`read`](super::read).
pub fn read(path: &Path, options: &ReadOptions) -> Result<Parts<Table>> {
    if let Err(e) = std::fs::File::open(path) {
        return Err(Error::io("read", path, e));
    }
    let members = zip::members(path).map_err(|reason| refused(path, "", reason, DAMAGED))?;
    let (members, others): (Vec<_>, Vec<_>) = members.into_iter().partition(|member| member.name.ends_with(".npy"));
    let mut left_out: Vec<String> = others.into_iter().map(|member| member.name).collect();
    let mut arrays = Vec::new();
    for member in members {
        let name = member.name.trim_end_matches(".npy").to_string();
        let reader = member.open().map_err(|e| refused(path, &name, e.to_string(), DAMAGED))?;
        arrays.push((role(&name), Array::open(path, name, member.size, Box::new(reader))));
    }
    let has_features =
        |arrays: &[(_, Result<Array>)]| arrays.iter().any(|(role, _)| matches!(role, Some((Role::Features, _))));
    let is_by_role = has_features(&arrays) && arrays.iter().all(|(role, array)| is_of_rows(*role, array));
    if !is_by_role {
        let arrays = arrays.into_iter().map(|(_, array)| array).collect::<Result<Vec<_>>>()?;
        return by_shape(path, options, arrays, left_out).map(Parts::whole);
    }
    let mut names = None;
    let mut roles = Vec::new();
    for (role, array) in arrays {
        match (role, array) {
            (Some(role), array) => roles.push((role, array?)),
            (None, Ok(array)) if names.is_none() && NAMES.contains(&array.name.to_lowercase().as_str()) => {
                names = Some(texts(path, array)?);
            }
            // What is not used may be of any type.
            (None, Ok(array)) => left_out.push(array.name),
            (None, Err(_)) => left_out.push("an array of another type".into()),
        }
    }
    let mut part = |wanted: Part| -> Result<Option<Table>> {
        let mut take = |wanted_role: Role| -> Result<Option<Array>> {
            let mut found = None;
            while let Some(at) = roles.iter().position(|(own, _)| *own == (wanted_role, wanted)) {
                let array: Array = roles.remove(at).1;
                if let Some(Array { name, .. }) = &found {
                    let reason = format!("both this and `{name}` could be meant");
                    return Err(refused(path, &array.name, reason, "save one of them"));
                }
                found = Some(array);
            }
            Ok(found)
        };
        match (take(Role::Features)?, take(Role::Target)?) {
            (Some(features), target) => {
                let left_out = if wanted == Part::Train { &left_out[..] } else { &[] };
                pair(path, options, features, target, names.as_deref(), left_out).map(Some)
            }
            (None, None) => Ok(None),
            (None, Some(target)) => Err(refused(path, &target.name, "a target without features", "save both")),
        }
    };
    let (train, validation, test) = (part(Part::Train)?, part(Part::Validation)?, part(Part::Test)?);
    let Some(train) = train else {
        return Err(refused(path, "", "no features to train on", "call them x or x_train"));
    };
    for (name, other) in [("validation", &validation), ("test", &test)] {
        if let Some(other) = other
            && !other.columns.iter().map(|column| &column.name).eq(train.columns.iter().map(|column| &column.name))
        {
            let (own, of_train) = (other.columns.len(), train.columns.len());
            let reason = format!("{own} columns for {name}, {of_train} for training");
            return Err(refused(path, "", reason, "save the same columns for each part"));
        }
    }
    Ok(Parts { train, validation, test })
}

/// What the name of an array says.
fn role(name: &str) -> Option<(Role, Part)> {
    let name = name.to_lowercase();
    let plain = |name: &str| {
        let is = |names: &[&str]| names.contains(&name);
        if is(&FEATURES) { Some(Role::Features) } else { is(&TARGETS).then_some(Role::Target) }
    };
    if let Some(role) = plain(&name) {
        return Some((role, Part::Train));
    }
    PARTS.iter().find_map(|(word, part)| {
        let before = name.strip_prefix(word).and_then(|rest| rest.strip_prefix('_'));
        let behind = name.strip_suffix(word).and_then(|rest| rest.strip_suffix('_'));
        Some((before.and_then(plain).or(behind.and_then(plain))?, *part))
    })
}

/// Whether an array can have its role: features are more than a column.
fn is_of_rows(role: Option<(Role, Part)>, array: &Result<Array>) -> bool {
    match (role, array) {
        (Some((Role::Features, _)), Ok(array)) => array.is_matrix(),
        _ => true,
    }
}

/// Features and their target as a table.
fn pair(
    path: &Path,
    options: &ReadOptions,
    features: Array,
    target: Option<Array>,
    own_names: Option<&[String]>,
    left_out: &[String],
) -> Result<Table> {
    let mut names = match own_names {
        Some(names) if names.len() as u64 == features.columns() => names.to_vec(),
        _ => features.names("x"),
    };
    let shape = |array: &Array| array.header.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
    let mut said = format!("arrays  `{}` ({}) has the features", features.name, shape(&features));
    let mut arrays = vec![features];
    if let Some(target) = target {
        said += &format!(", `{}` ({}) the target", target.name, shape(&target));
        names.extend(if target.columns() == 1 { vec!["y".into()] } else { target.names("y") });
        arrays.push(target);
    }
    let mut decisions = vec![said];
    if !left_out.is_empty() {
        decisions.push(format!("left out  {}", left_out.join(", ")));
    }
    table(path, options, names, arrays, decisions)
}

/// Arrays whose names say nothing, by their shapes.
fn by_shape(path: &Path, options: &ReadOptions, mut arrays: Vec<Array>, left_out: Vec<String>) -> Result<Table> {
    let is_rows = |array: &&Array| array.is_matrix();
    let matrices = arrays.iter().filter(is_rows).count();
    match (matrices, arrays.len()) {
        (_, 1) => pair(path, options, arrays.remove(0), None, None, &left_out),
        (1, 2) => {
            arrays.sort_by_key(|array| !array.is_matrix());
            let target = arrays.pop();
            pair(path, options, arrays.remove(0), target, None, &left_out)
        }
        (0, 2..) => {
            let names = arrays.iter().flat_map(|array| match array.header.fields[0].0 {
                None => vec![array.name.clone()],
                Some(_) => array.names(""),
            });
            let names: Vec<String> = names.collect();
            let mut decisions = vec![format!("arrays  each of {} is a column", arrays.len())];
            if !left_out.is_empty() {
                decisions.push(format!("left out  {}", left_out.join(", ")));
            }
            table(path, options, names, arrays, decisions)
        }
        _ => {
            let found: Vec<String> =
                arrays.iter().take(8).map(|array| format!("`{}` {:?}", array.name, array.header.shape)).collect();
            let found = if found.is_empty() { "no arrays".into() } else { format!("arrays {}", found.join(", ")) };
            Err(refused(
                path,
                "",
                found,
                "save features as `x` and the target as `y`, or one array [N] for each column",
            ))
        }
    }
}

/// The texts of an array.
fn texts(path: &Path, array: Array) -> Result<Vec<String>> {
    let name = array.name.clone();
    let every = |names: &[String]| vec![Want::EverySpelling; names.len()];
    let options = ReadOptions { wants: &every, missing: Vec::new(), ..ReadOptions::default() };
    if array.rows() > MOST_TEXTS * 128 || array.columns() != 1 {
        return Err(refused(path, &name, "no list of names", "save an array [columns] of texts"));
    }
    let mut table = table(path, &options, array.names("x"), vec![array], Vec::new())?;
    match table.columns.pop().map(|column| column.cells) {
        Some(Cells::Texts { codes, levels }) => {
            let text = |&code: &u32| levels.get(code as usize).cloned();
            codes
                .iter()
                .map(text)
                .collect::<Option<_>>()
                .ok_or_else(|| refused(path, &name, "an empty name", "name it"))
        }
        _ => Err(refused(path, &name, "no texts", "save names as texts")),
    }
}
