//! `anygrad report`: a run as one page, its pictures as files.

mod boundary;
mod classes;
mod gather;
mod images;
mod importance;
mod kernels;
mod mistakes;
mod page;
mod parts;
mod ranking;
mod recipe;
mod summary;
mod training;
mod values;

use super::options::Format;
use super::output::{note, print_line};
use super::picture::{Colors, png};
use super::record::Record;
use super::sink::taken;
use anygrad::backend::{Device, Request, Work};
use anygrad::data::Split;
use anygrad::model::Model;
use anygrad::{Error, Result};
use clap::Args;
use gather::{Report, model_of, of_split, read_rows};
use parts::Section;
use serde_json::json;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The flags of `report`.
#[derive(Debug, Args)]
pub struct ReportOptions {
    /// The folder of a run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Where the page goes [default: report.html in the folder of the run]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also write each picture as an SVG and as a PNG file, into this folder
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// cpu, gpu, an index of `anygrad devices`, or a part of a name
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: Request,
    /// text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// The page's name in a run's folder.
pub const FILE: &str = "report.html";

/// Writes the page, and the pictures if they are asked for.
pub fn run(options: &ReportOptions) -> Result<()> {
    let record = Record::read(&options.run, "report")?;
    let out = options.out.clone().unwrap_or_else(|| options.run.join(FILE));
    // Found out before the work is done.
    refuse_other(&out)?;
    let choice = pollster::block_on(Device::choose(&options.device, Work::default()))?;
    let model = model_of(&options.run);
    let rows = match &model {
        Ok(model) => read_rows(&record, model),
        Err(error) => Err(error.to_string()),
    };
    let borrowed = rows.as_ref().map(gather::Rows::borrowed).map_err(String::clone);
    let report = Report::new(record, model, borrowed, &choice.device);
    if let Some(reason) = &report.missing {
        note(reason);
    }
    let (title, lead, sections) = contents(&report)?;
    let pictures = match &options.pictures {
        Some(folder) => write_pictures(folder, &sections)?,
        None => 0,
    };
    let html = page::page(&title, &lead, sections);
    write(&out, html.as_bytes())?;
    match options.format {
        Format::Json => print_line(
            &json!({ "event": "report", "report": out.display().to_string(), "bytes": html.len(), "pictures": pictures })
                .to_string(),
        ),
        Format::Text => {
            print_line(&format!("report         {}", out.display()));
            if let Some(folder) = &options.pictures {
                print_line(&format!("pictures       {pictures} in {}, each as SVG and PNG", folder.display()));
            }
        }
    }
    Ok(())
}

/// The page of a run that has just ended or was stopped, into its folder.
pub fn of_run(folder: &Path, model: &Model, data: &Split, device: &Device) -> Result<PathBuf> {
    let out = folder.join(FILE);
    let record = Record::read(folder, "report")?;
    let report = Report::new(record, Ok(model.clone()), Ok(of_split(data)), device);
    let (title, lead, sections) = contents(&report)?;
    write(&out, page::page(&title, &lead, sections).as_bytes())?;
    Ok(out)
}

/// Title, first sentences and sections of the page.
fn contents(report: &Report<'_>) -> Result<(String, String, Vec<Section>)> {
    let mut sections = vec![summary::section(report), training::section(report)];
    if let (Some(judged), Some(model)) = (&report.judged, &report.model) {
        let mut classes = Section::new("errors", "Where it is right and wrong");
        classes::put_confusion(&mut classes, judged);
        boundary::put(&mut classes, judged, model)?;
        values::put(&mut classes, judged, model);
        classes::put_pairs(&mut classes, judged);
        classes::put_table(&mut classes, judged);
        let mut sure = Section::new("probabilities", "How sure it is, and whether rightly");
        ranking::put(&mut sure, judged, model)?;
        ranking::put_calibration(&mut sure, judged, model)?;
        sections.extend([classes, sure].into_iter().filter(|section| !section.items.is_empty()));
        sections.push(importance::section(judged));
        sections.push(mistakes::section(judged, model)?);
    }
    sections.push(recipe::data(report));
    sections.push(recipe::recipe(report));
    sections.push(kernels::section(&report.record, report.profile.as_ref()));
    sections.push(recipe::repeat(report));
    let name = anygrad::error::shown(&report.record.name());
    Ok((format!("Report on {name}"), summary::lead(report), sections))
}

/// Refuses to take the place of a file that is no report.
fn refuse_other(path: &Path) -> Result<()> {
    let mut start = String::new();
    match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("open", path, error)),
        Ok(file) => file.take(1000).read_to_string(&mut start).map_err(|error| Error::io("read", path, error))?,
    };
    if start.contains(page::GENERATOR) { Ok(()) } else { Err(taken(path)) }
}

/// Writes a file whole or not at all; in the place of an older report.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    refuse_other(path)?;
    whole(path, bytes)
}

fn whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().map_or("report".into(), |name| name.to_string_lossy().into_owned());
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&temporary);
        Error::io("write", path, error)
    })
}

/// Writes each picture as SVG and PNG; what exists is not overwritten. Returns how many there are.
fn write_pictures(folder: &Path, sections: &[Section]) -> Result<usize> {
    let figures: Vec<_> = sections.iter().flat_map(Section::figures).collect();
    let path = |name: &str, ending: &str| folder.join(format!("{name}.{ending}"));
    let mut paths = figures.iter().flat_map(|figure| ["svg", "png"].map(|ending| path(&figure.name, ending)));
    if let Some(there) = paths.find(|path| path.exists()) {
        return Err(Error::option(
            "pictures",
            folder.display(),
            &format!("{} exists already, and nothing is overwritten: name another folder", there.display()),
        ));
    }
    std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
    for figure in &figures {
        whole(&path(&figure.name, "svg"), figure.scene.svg(Colors::Fixed).as_bytes())?;
        whole(&path(&figure.name, "png"), &png(&figure.scene)?)?;
    }
    Ok(figures.len())
}
