//! `anygrad explain`

use super::options::{Format, Hidden, NamedOptimizer, TrainOptions};
use super::output::{note, print_line};
use super::task::Task;
use anygrad::backend::{Device, Work};
use anygrad::data::Source;
use anygrad::nn::LayerDescription;
use anygrad::optim::Sgd;
use anygrad::teach::{Explained, Quantity, Stage};
use anygrad::{Error, Result};
use clap::Args;

/// Numbers of a row, and rows of a matrix, that are shown unless all are asked for: what fits 80 characters.
const COLUMNS: usize = 6;
const ROWS: usize = 8;
/// Characters of a number.
const NUMBER: usize = 9;

/// The flags of `explain`.
#[derive(Debug, Args)]
pub struct ExplainOptions {
    #[command(flatten)]
    pub train: TrainOptions,
    /// Which training row, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    row: usize,
    /// Show all numbers of wide layers
    #[arg(long)]
    full: bool,
}

/// Explains one step on one row.
pub fn run(options: &mut ExplainOptions) -> Result<()> {
    make_small(&mut options.train);
    let Task { trainer, data } = Task::new(&options.train)?;
    let (recipe, model) = (trainer.recipe(), trainer.architecture());
    let choice = pollster::block_on(Device::choose(&recipe.request()?, Work::default()))?;
    note(&format!("data    {}, training row {} of {}", recipe.data.source, options.row, data.train.rows()));
    note(&format!("model   {model}, {} parameters, {}", model.parameter_count()?, recipe.loss()?));
    note(&format!("device  {}", choice.device.device_name()));
    let explanation = trainer.explain_blocking(&data.train, options.row, &choice.device)?;
    match options.train.format {
        Format::Json => explanation.steps.iter().try_for_each(print_json),
        Format::Text => {
            print_text(&explanation.steps, &model.description(), options.full);
            Ok(())
        }
    }
}

/// Without a config file or data: exclusive or with three hidden units and plain descent, as far as no flag says otherwise.
fn make_small(options: &mut TrainOptions) {
    if options.subject.is_some() || options.data.data.is_some() || options.from.is_some() {
        return;
    }
    options.data.data = Some(Source::Generated("xor".into()));
    options.hidden.get_or_insert(Hidden(vec![3]));
    if options.optimizer.is_none() {
        options.optimizer = Some(NamedOptimizer(Sgd::new(0.1).into()));
    }
}

fn print_json(step: &Explained) -> Result<()> {
    #[derive(serde::Serialize)]
    struct Line<'a> {
        event: &'static str,
        #[serde(flatten)]
        step: &'a Explained,
    }
    let line = serde_json::to_string(&Line { event: "step", step });
    print_line(&line.map_err(|e| Error::option("format", "json", &e.to_string()))?);
    Ok(())
}

fn print_text(steps: &[Explained], layers: &[LayerDescription], full: bool) {
    let symbols = steps.iter().flat_map(|step| &step.values).map(|quantity| quantity.symbol.chars().count());
    let lead = symbols.max().unwrap_or(0) + 1;
    let mut shown: Option<(Stage, Option<usize>)> = None;
    for step in steps {
        if shown.is_none_or(|(stage, _)| stage != step.stage) {
            if shown.is_some() {
                print_line("");
            }
            print_line(heading(step.stage));
        }
        if let (Some(layer), true) = (step.layer, shown != Some((step.stage, step.layer))) {
            let description = layers.get(layer).map_or(String::new(), |layer| format!(": {layer}"));
            print_line("");
            print_line(&format!("  layer {layer}{description}"));
        }
        shown = Some((step.stage, step.layer));
        print_line(&format!("    {}", step.formula));
        step.values.iter().for_each(|quantity| print_quantity(quantity, lead, full));
    }
}

fn heading(stage: Stage) -> &'static str {
    match stage {
        Stage::Input => "INPUT",
        Stage::Forward => "FORWARD, from the input to the output",
        Stage::Loss => "LOSS",
        Stage::Backward => "BACKWARD, from the loss to the input, by the chain rule",
        Stage::Update => "UPDATE of each parameter w",
        Stage::After => "AFTER THE STEP",
    }
}

/// A number or a vector on one line, a matrix on a line for each row; the symbol in front of the first.
fn print_quantity(quantity: &Quantity, lead: usize, full: bool) {
    let columns = quantity.shape.last().copied().unwrap_or(1).max(1);
    let rows: Vec<&[f32]> = quantity.values.chunks(columns).collect();
    let (few_columns, few_rows) =
        if full { (columns, rows.len()) } else { (columns.min(COLUMNS), rows.len().min(ROWS)) };
    for (i, row) in rows.iter().take(few_rows).enumerate() {
        let symbol = if i == 0 { quantity.symbol.as_str() } else { "" };
        let numbers: String = row.iter().take(few_columns).map(|&x| format!("{:>NUMBER$}", number(x))).collect();
        let rest = if few_columns < columns { format!("  … {columns}") } else { String::new() };
        print_line(&format!("      {symbol:lead$}{numbers}{rest}"));
    }
    if few_rows < rows.len() {
        print_line(&format!("      {:lead$}{:>NUMBER$} {} rows", "", "…", rows.len()));
    }
}

/// Whole numbers as such, others with four decimals, or an exponent where these would hide the number.
fn number(x: f32) -> String {
    let size = x.abs();
    if x == 0.0 {
        "0".into()
    } else if x.fract() == 0.0 && size < 1e4 {
        format!("{x:.0}")
    } else if (1e-3..1e4).contains(&size) {
        format!("{x:.4}")
    } else {
        format!("{x:.1e}")
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_fit_their_column() {
        for (x, text) in
            [(0.0, "0"), (-0.0, "0"), (-1.0, "-1"), (0.25, "0.2500"), (-1234.5678, "-1234.5677"), (3.2e-5, "3.2e-5")]
        {
            assert_eq!(number(x), text);
        }
        assert_eq!(number(-1.5e30).len(), 7);
        assert_eq!(number(f32::NAN), "NaN");
    }
}
