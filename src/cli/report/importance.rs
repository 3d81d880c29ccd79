//! What each feature matters: bars, of pixels an image.

use super::gather::Judged;
use super::images::Shape;
use super::parts::Section;
use crate::cli::output::significant;
use crate::cli::picture::{Bar, bars, grid};
use anygrad::model::quality::Score;

/// Most features with a bar.
const MOST: usize = 20;

/// Adds what each feature matters.
pub fn section(judged: &Judged<'_>) -> Section {
    let mut section = Section::new("importance", "What each feature matters");
    let Some((importance, rows, repeats)) = &judged.importance else {
        section.say("It was not measured: with this many features or so few rows it would take long or tell nothing.");
        return section;
    };
    let score = match importance.metric {
        Score::Accuracy => "accuracy",
        Score::RocAuc => "ROC AUC",
        Score::RSquared => "R²",
    };
    let times = if *repeats == 1 { "once".into() } else { format!("{repeats} times") };
    section.say(format!(
        "The values of one feature are shuffled among the rows, {times}, and the model is tried again on {rows} of the {}: the \
         more its {score} falls, the more it relies on the feature. Features that tell the same stand in for each other.",
        judged.rows_name()
    ));
    if let Some(shape) = Shape::of(&judged.rows.feature_names)
        .filter(|shape| shape.pixels() == importance.features.len() / shape.channels)
    {
        let pixels = shape.pixels();
        let falls: Vec<f64> = (0..pixels)
            .map(|pixel| (0..shape.channels).map(|channel| importance.features[channel * pixels + pixel].mean).sum())
            .collect();
        let most = falls.iter().copied().fold(0.0, f64::max);
        let shares: Vec<f64> = falls.iter().map(|fall| if most > 0.0 { (fall / most).max(0.0) } else { 0.0 }).collect();
        let scene = grid("Importance of each pixel", shape.size, &shares);
        let caption = format!(
            "The stronger the colour of a pixel, the more the {score} falls when it is shuffled; the strongest costs {}.",
            significant(most)
        );
        section.show("importance", scene, caption);
        return section;
    }
    let mut features: Vec<_> = importance.features.iter().collect();
    features.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    let bar = |feature: &&anygrad::model::quality::FeatureImportance| Bar {
        name: feature.name.clone(),
        value: feature.mean,
        deviation: feature.deviation,
        text: significant(feature.mean),
    };
    let all: Vec<Bar> = features.iter().take(MOST).map(bar).collect();
    let scene = bars("Importance of features", &format!("{score} lost when shuffled"), &all);
    let mut caption = String::from(
        "The longer a bar, the more the model relies on it; the thin line is the deviation between repeats.",
    );
    if features.len() > MOST {
        caption.push_str(&format!(" Of {} features these are the {MOST} that matter most.", features.len()));
    }
    section.show("importance", scene, caption);
    section
}
