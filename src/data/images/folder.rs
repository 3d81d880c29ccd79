//! What a folder of images holds: parts, classes, files, and what is left out.

use super::Parts;
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Files and folders that systems and programs leave behind, beside hidden ones.
const LEFT_BEHIND: [&str; 4] = ["thumbs.db", "desktop.ini", "__macosx", "icon\r"];
const REMEDY: &str = "name a folder with one subfolder of images for each class: images:DIR";

/// What a folder of classes holds.
pub(super) struct Found {
    pub classes: Vec<String>,
    pub parts: Parts<Part>,
    pub decisions: Vec<String>,
}

/// Files of a part, with the label of each.
pub(super) struct Part {
    rows: Vec<(PathBuf, u32)>,
}

impl Part {
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.rows.iter().map(|(path, _)| path)
    }

    pub(super) fn labels(&self) -> Vec<u32> {
        self.rows.iter().map(|&(_, label)| label).collect()
    }
}

/// Entries of a folder, sorted by name.
struct Entries {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

/// Finds the classes and files below a folder. `known` are the classes, if they are known already.
pub(super) fn classes(root: &Path, known: Option<&[String]>) -> Result<Found> {
    let mut skipped = Vec::new();
    let entries = list(root, &mut skipped)?;
    let mut parts = Parts { train: entries, validation: None, test: None };
    let mut decisions = Vec::new();
    if let Some(folders) = part_folders(&parts.train.folders, &mut skipped)? {
        let names: Vec<String> = folders.iter().map(|(_, folder)| name(folder)).collect();
        decisions.push(format!("parts  {} (folders of these names)", names.join(", ")));
        for (part, folder) in folders {
            let entries = list(&folder, &mut skipped)?;
            match part {
                "train" => parts.train = entries,
                "validation" => parts.validation = Some(entries),
                _ => parts.test = Some(entries),
            }
        }
    }
    let names: BTreeSet<String> = parts.train.folders.iter().map(|folder| name(folder)).collect();
    let classes = known.map_or_else(|| sorted(names), <[String]>::to_vec);
    if classes.len() < 2 {
        let reason = match classes.first() {
            Some(class) => format!("a single class folder, `{class}`"),
            None => "no class folders".into(),
        };
        return Err(Error::data(root, "", reason, REMEDY));
    }
    let parts = parts.try_map(|entries| part(entries, &classes, &mut skipped))?;
    decisions.push(format!("classes  {} (folders: {})", classes.len(), some(&classes)));
    if !skipped.is_empty() {
        let names: BTreeSet<String> = skipped.iter().map(|path| name(path)).collect();
        let names: Vec<String> = names.into_iter().collect();
        decisions.push(format!("left out  {} hidden or other files ({})", skipped.len(), some(&names)));
    }
    Ok(Found { classes, parts, decisions })
}

/// All images below a folder, or the file itself.
pub(super) fn below(path: &Path) -> Result<Vec<PathBuf>> {
    if std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?.is_file() {
        return Ok(vec![path.into()]);
    }
    let (mut files, mut folders) = (Vec::new(), vec![(path.to_path_buf(), 0)]);
    while let Some((folder, depth)) = folders.pop() {
        let entries = list(&folder, &mut Vec::new())?;
        files.extend(entries.files);
        // A link may lead back up.
        if depth < 16 {
            folders.extend(entries.folders.into_iter().map(|folder| (folder, depth + 1)));
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Error::data(path, "", "no images", "name a folder of PNG or JPEG files"));
    }
    Ok(files)
}

/// Subfolders that are parts, with the part of each, if all subfolders are such and one of them is for training.
fn part_folders(folders: &[PathBuf], skipped: &mut Vec<PathBuf>) -> Result<Option<Vec<(&'static str, PathBuf)>>> {
    let part = |folder: &PathBuf| match name(folder).to_lowercase().as_str() {
        "train" | "training" => Some("train"),
        "validation" | "valid" | "val" => Some("validation"),
        "test" | "testing" => Some("test"),
        _ => None,
    };
    let parts: Option<Vec<_>> = folders.iter().map(|folder| Some((part(folder)?, folder.clone()))).collect();
    let Some(parts) = parts else { return Ok(None) };
    let Some((_, train)) = parts.iter().find(|(part, _)| *part == "train") else { return Ok(None) };
    // Folders `train` and `test` with images in them are classes.
    if list(train, skipped)?.folders.is_empty() {
        return Ok(None);
    }
    for (at, (part, folder)) in parts.iter().enumerate() {
        if parts[..at].iter().any(|(other, _)| other == part) {
            let reason = format!("a second folder for the part {part}");
            return Err(Error::data(folder, "", reason, "put the images of both into one"));
        }
    }
    Ok(Some(parts))
}

/// The images of a part by class.
fn part(entries: Entries, classes: &[String], skipped: &mut Vec<PathBuf>) -> Result<Part> {
    let mut rows = Vec::new();
    for file in entries.files {
        if is_image(&file) {
            return Err(Error::data(&file, "", "an image outside the class folders", REMEDY));
        }
        skipped.push(file);
    }
    let mut folders = entries.folders;
    let label = |folder: &PathBuf| classes.iter().position(|class| *class == name(folder));
    folders.sort_by_key(label);
    for folder in folders {
        let Some(label) = label(&folder) else {
            let remedy = format!("the known classes are {}", some(classes));
            return Err(Error::data(&folder, "", format!("unknown class `{}`", name(&folder)), remedy));
        };
        let Entries { folders, files } = list(&folder, skipped)?;
        if let Some(inner) = folders.first() {
            let remedy = "class folders hold images; parts are folders called train, validation and test";
            return Err(Error::data(inner, "", "a folder in a class folder", remedy));
        }
        if files.is_empty() {
            return Err(Error::data(&folder, "", "a class without images", "add images, or remove the folder"));
        }
        rows.extend(files.into_iter().map(|file| (file, label as u32)));
    }
    Ok(Part { rows })
}

/// The entries of a folder that count.
fn list(folder: &Path, skipped: &mut Vec<PathBuf>) -> Result<Entries> {
    let failed = |e| Error::io("read", folder, e);
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let own = name(&path);
        if own.starts_with('.') || LEFT_BEHIND.contains(&own.to_lowercase().as_str()) {
            skipped.push(path);
        } else if path.is_dir() {
            folders.push(path);
        } else {
            files.push(path);
        }
    }
    folders.sort();
    files.sort();
    Ok(Entries { folders, files })
}

/// Class names in order: whole numbers in their own, 2 before 10.
fn sorted(names: BTreeSet<String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    if names.iter().all(|name| name.parse::<i64>().is_ok()) {
        names.sort_by_key(|name| name.parse::<i64>().unwrap_or(0));
    }
    names
}

fn name(path: &Path) -> String {
    path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}

fn is_image(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ["png", "jpg", "jpeg"].iter().any(|own| ending.eq_ignore_ascii_case(own)))
}

/// The first names of a list, and how many more there are.
fn some(names: &[String]) -> String {
    let shown = names.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > 5 { format!("{shown} and {} more", names.len() - 5) } else { shown }
}
