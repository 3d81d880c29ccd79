//! Flags about data: where rows come from, what their columns are, which are held back.

use super::overlay::set;
use anygrad::data::{Color, DataOptions, Missing, Scaling, Source, Task};
use clap::Args;

/// The flags about data. Each replaces what the config file says.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Data")]
pub struct DataFlags {
    /// A table (CSV and other files), digits, mnist:DIR (or fashion-mnist, kmnist, emnist, cifar10, cifar100), images:DIR, spiral, circles, moons, blobs, xor, and, sine, or FILE.anygrad [default: digits]
    #[arg(long, value_name = "SPEC")]
    pub data: Option<Source>,
    /// Test rows of their own, of the same columns
    #[arg(long, value_name = "FILE")]
    pub test_data: Option<Source>,
    /// Validation rows of their own, of the same columns
    #[arg(long, value_name = "FILE")]
    pub validation_data: Option<Source>,
    /// The column to predict, or several: a,b,c [default: the last]
    #[arg(long, value_name = "COLUMN")]
    pub target: Option<String>,
    /// What the target is: classes, values or labels (several columns of 0 and 1) [default: what its cells look like]
    #[arg(long, value_name = "TASK")]
    pub task: Option<Task>,
    /// The columns to learn from [default: all but the target]
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub features: Vec<String>,
    /// Columns to leave out
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub drop: Vec<String>,
    /// Columns of categories, whatever they look like
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub categorical: Vec<String>,
    /// Columns of numbers, whatever they look like
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub numeric: Vec<String>,
    /// What is done about missing cells: refuse, mean, median, or indicator (mean and a feature that says so) [default: indicator]
    #[arg(long, value_name = "POLICY")]
    pub missing: Option<Missing>,
    /// How numbers are scaled: standard, min_max, robust or none [default: standard]
    #[arg(long, value_name = "SCALING")]
    pub scaling: Option<Scaling>,
    /// The column with the weight of each row in loss and metrics
    #[arg(long, value_name = "COLUMN")]
    pub weights: Option<String>,
    /// The column whose equal cells no split tears apart
    #[arg(long, value_name = "COLUMN")]
    pub groups: Option<String>,
    /// The column by which the latest rows are held back
    #[arg(long, value_name = "COLUMN")]
    pub time: Option<String>,
    /// Whether the first line of a table names the columns: yes or no [default: found out]
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    pub header: Option<bool>,
    /// Pixels that the images of a folder are brought to: 64, or height and width: 48x64 [default: their own size, or 32]
    #[arg(long, value_name = "SIZE", value_parser = image_size)]
    pub image_size: Option<[usize; 2]>,
    /// The channels of the images of a folder: grey or rgb [default: grey if all are]
    #[arg(long, value_name = "COLOR")]
    pub image_color: Option<Color>,
    /// Share of the rows held back for testing; 0 for none [default: 0.2]
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub test_fraction: Option<f32>,
    /// Share of the training rows held back to decide by while training [default: 0.1 where something decides, else 0]
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub validation_fraction: Option<f32>,
}

fn image_size(text: &str) -> Result<[usize; 2], String> {
    let (height, width) = text.split_once(['x', '×']).unwrap_or((text, text));
    let pixels = |text: &str| text.parse().map_err(|_| "give a number of pixels, or two such as 48x64".to_string());
    Ok([pixels(height)?, pixels(width)?])
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("give yes or no".into()),
    }
}

impl DataFlags {
    /// Replaces what the flags say.
    pub fn overlay(&self, data: &mut DataOptions) {
        set(&mut data.source, &self.data);
        let or = |flag: &Option<String>, own: &mut Option<String>| *own = flag.clone().or(own.take());
        or(&self.target, &mut data.target);
        or(&self.weights, &mut data.weights);
        or(&self.groups, &mut data.groups);
        or(&self.time, &mut data.time);
        data.test_data = self.test_data.clone().or(data.test_data.take());
        data.validation_data = self.validation_data.clone().or(data.validation_data.take());
        data.task = self.task.or(data.task);
        data.image_size = self.image_size.or(data.image_size);
        data.image_color = self.image_color.or(data.image_color);
        data.header = self.header.or(data.header);
        set(&mut data.missing, &self.missing);
        set(&mut data.scaling, &self.scaling);
        set(&mut data.test_fraction, &self.test_fraction);
        set(&mut data.validation_fraction, &self.validation_fraction);
        let lists = [
            (&self.features, &mut data.features),
            (&self.drop, &mut data.drop),
            (&self.categorical, &mut data.categorical),
            (&self.numeric, &mut data.numeric),
        ];
        for (flag, own) in lists {
            if !flag.is_empty() {
                own.clone_from(flag);
            }
        }
    }
}
