//! `anygrad export`

use super::options::Format;
use super::output::{note, print_line};
use super::sink::taken;
use super::subject::Subject;
use anygrad::error::shown;
use anygrad::export::{Answer, Certainty, Engine, RowProgram, Target, html_with_engine};
use anygrad::model::Model;
use anygrad::{Error, Result};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The flags of `export`.
#[derive(Debug, Args)]
pub struct ExportOptions {
    /// A model file that `train` wrote, or a run folder
    #[arg(value_name = "MODEL|RUN")]
    model: PathBuf,
    /// onnx, c, rust, javascript, html or safetensors
    #[arg(long, value_name = "TARGET")]
    to: Target,
    /// The file to write; of c and safetensors the second one stands beside it [default: the name of the run or model]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// html: a folder with the engine that scripts/web.sh build makes, by which the page then computes
    #[arg(long, value_name = "DIR")]
    engine: Option<PathBuf>,
    /// text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// Exports a model.
pub fn run(options: &ExportOptions) -> Result<()> {
    let model = Model::load(Subject::model(&options.model)?)?;
    let out = options.out.clone().unwrap_or_else(|| default_name(&options.model, options.to));
    let program = RowProgram::of(&model)?;
    let files = match &options.engine {
        None => model.exported(options.to, &out)?,
        Some(folder) if options.to == Target::Html => {
            let title = out.file_stem().map_or("model".into(), |stem| stem.to_string_lossy().into_owned());
            vec![(out.clone(), html_with_engine(&program, &title, &Engine::read(folder)?)?.into_bytes())]
        }
        Some(folder) => {
            let expected = format!("none with --to {}: only a page computes by it, --to html", options.to);
            return Err(Error::option("engine", folder.display().to_string(), &expected));
        }
    };
    if let Some((there, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(taken(there));
    }
    let written = anygrad::export::write(files)?;
    if options.format == Format::Json {
        let files: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        let object = json!({ "event": "export", "to": options.to.name(), "files": files, "takes": takes(&program),
            "gives": gives(&program.answer), "weights_hash": model.weights_hash() });
        print_line(&object.to_string());
        return Ok(());
    }
    for path in &written {
        let bytes = path.metadata().map_or(0, |file| file.len());
        print_line(&format!("wrote   {} ({} bytes)", path.display(), super::output::thousands(bytes as f64)));
    }
    print_line(&format!("takes   {}", takes(&program)));
    print_line(&format!("gives   {}", gives(&program.answer)));
    print_line(&format!("use     {}", usage(options.to, &out)));
    if matches!(program.answer, Answer::Classes { certainty: Certainty::Scores, .. }) {
        note(&format!("the loss {} leaves scores, no probabilities", model.loss.name()));
    }
    Ok(())
}

/// The name of the run or the model, in the current folder.
fn default_name(model: &Path, target: Target) -> PathBuf {
    let whole = model.canonicalize().unwrap_or_else(|_| model.into());
    let own = if whole.is_dir() { whole.file_name() } else { whole.file_stem() };
    // The files of all runs are called alike.
    let of_run = ["last", "best"].iter().any(|name| own.is_some_and(|own| own == *name));
    let own = if of_run { whole.parent().and_then(Path::file_name).or(own) } else { own };
    let name: String = own.map_or("model".into(), |name| name.to_string_lossy().into_owned());
    // Programs import these by their names.
    let is_source = matches!(target, Target::C | Target::Rust | Target::Safetensors);
    let name = if is_source { name.replace(|c: char| !c.is_alphanumeric(), "_") } else { name };
    PathBuf::from(format!("{name}.{}", target.ending()))
}

/// What a row is.
fn takes(program: &RowProgram<'_>) -> String {
    match program.columns() {
        Some(columns) => {
            let names: Vec<String> = columns.iter().map(|column| shown(&column.name)).collect();
            match names.len() {
                0..=12 => names.join(", "),
                count => format!("{}, … ({count} columns)", names[..12].join(", ")),
            }
        }
        None => format!("{} features", program.widths[0]),
    }
}

/// What an answer is.
fn gives(answer: &Answer) -> String {
    let list = |names: &[String]| match names.len() {
        0..=12 => names.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", "),
        count => format!("{count} of them"),
    };
    match answer {
        Answer::Classes { name, classes, certainty: Certainty::Scores, .. } => {
            format!("the class ({}) and scores of: {}", shown(name), list(classes))
        }
        Answer::Classes { name, classes, .. } => {
            format!("the class ({}) and probabilities of: {}", shown(name), list(classes))
        }
        Answer::Labels { names } => format!("a probability for each of: {}", list(names)),
        Answer::Values { names, .. } => format!("values: {}", list(names)),
    }
}

/// How the files are used.
fn usage(target: Target, path: &Path) -> String {
    let file = path.display();
    let part = |part: Option<&std::ffi::OsStr>| part.map_or(String::new(), |part| part.to_string_lossy().into_owned());
    let (name, stem) = (part(path.file_name()), part(path.file_stem()));
    match target {
        Target::Onnx => {
            format!("onnxruntime.InferenceSession(\"{file}\").run(None, {{column: array of shape [N, 1], …}})")
        }
        Target::C => format!(
            "cc -std=c99 -D{}_MAIN {file} -lm -o {stem}: a program that predicts its arguments; {stem}.h says what to call",
            anygrad::export::identifier(&stem).to_uppercase()
        ),
        Target::Rust => format!("mod {stem}; then {stem}::predict(&{stem}::Row {{ a field for each column }})"),
        Target::Javascript => format!("import {{ predict }} from \"./{name}\""),
        Target::Html => format!("open {file} in a browser"),
        Target::Safetensors => {
            format!(
                "python, beside it: import {stem}; {stem}.predict({stem}.load(), rows); needs torch and safetensors"
            )
        }
    }
}
