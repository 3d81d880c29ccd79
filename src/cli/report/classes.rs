//! Which classes are found and which are taken for each other: the confusion matrix, a table by class.

use super::gather::Judged;
use super::parts::{Item, Section, Table};
use crate::cli::output::significant;
use crate::cli::picture::Heat;
use anygrad::error::shown;

/// Most classes of a matrix that can be read.
const MOST_CLASSES: usize = 24;
/// Most lines of the table by class.
const MOST_LINES: usize = 40;

/// Adds the confusion matrix; of many classes the part with the most mistakes.
pub fn put_confusion(section: &mut Section, judged: &Judged<'_>) {
    let (Some(confusion), Some(classes)) = (&judged.evaluation.confusion, &judged.evaluation.classes) else { return };
    let count = classes.len();
    let wrong = |class: usize| -> u64 {
        let missed: u64 = confusion[class].iter().enumerate().filter(|(to, _)| *to != class).map(|(_, n)| n).sum();
        let taken: u64 = (0..count).filter(|&from| from != class).map(|from| confusion[from][class]).sum();
        missed + taken
    };
    let mut shown_classes: Vec<usize> = (0..count).collect();
    if count > MOST_CLASSES {
        shown_classes.sort_by_key(|&class| std::cmp::Reverse(wrong(class)));
        shown_classes.truncate(MOST_CLASSES);
        shown_classes.sort_unstable();
    }
    let cell = |from: usize, to: usize| confusion[from][to];
    let pairs: Vec<(usize, usize)> =
        shown_classes.iter().flat_map(|&from| shown_classes.iter().map(move |&to| (from, to))).collect();
    let share = |&(from, to): &(usize, usize)| {
        let all: u64 = confusion[from].iter().sum();
        if all == 0 { 0.0 } else { cell(from, to) as f64 / all as f64 }
    };
    let names: Vec<String> = shown_classes.iter().map(|&class| classes[class].clone()).collect();
    let heat = Heat {
        title: "Confusion matrix, in rows".into(),
        axes: ["true class".into(), "predicted class".into()],
        rows: names.clone(),
        columns: names,
        shares: pairs.iter().map(share).collect(),
        texts: pairs
            .iter()
            .map(|&(from, to)| cell(from, to))
            .map(|n| if n > 0 { n.to_string() } else { String::new() })
            .collect(),
    };
    let mut caption = String::from(
        "A line is a true class, a column what the model said. What lies on the diagonal is right, everything else is taken \
         for something else; the stronger the colour, the larger the share of the line.",
    );
    if count > MOST_CLASSES {
        caption.push_str(&format!(" Of {count} classes these are the {MOST_CLASSES} with the most mistakes."));
    }
    section.show("confusion", heat.scene(), caption);
}

/// Adds which classes are most often taken for which.
pub fn put_pairs(section: &mut Section, judged: &Judged<'_>) {
    let (Some(confusion), Some(classes)) = (&judged.evaluation.confusion, &judged.evaluation.classes) else { return };
    let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
    for (from, row) in confusion.iter().enumerate() {
        let others = row.iter().take(classes.len()).enumerate().filter(|(to, n)| *to != from && **n > 0);
        pairs.extend(others.map(|(to, &n)| (n, from, to)));
    }
    if pairs.is_empty() || classes.len() < 4 {
        return;
    }
    pairs.sort_by_key(|&(n, from, to)| (std::cmp::Reverse(n), from, to));
    let line = |&(n, from, to): &(u64, usize, usize)| vec![shown(&classes[from]), shown(&classes[to]), n.to_string()];
    let head = ["true class", "predicted class", "rows"].map(String::from).to_vec();
    let rows = pairs.iter().take(8).map(line).collect();
    section.items.push(Item::Beside(vec![
        Item::Text("What is taken for something else most often:".into()),
        Item::Table(Table { head, rows, is_words: false }),
    ]));
}

/// Adds precision, recall and F1 of each class; of many classes the worst.
pub fn put_table(section: &mut Section, judged: &Judged<'_>) {
    let Some(classes) = &judged.evaluation.per_class else { return };
    let mut order: Vec<usize> = (0..classes.len()).collect();
    let is_cut = classes.len() > MOST_LINES;
    if is_cut {
        order.sort_by(|&a, &b| classes[a].f1.total_cmp(&classes[b].f1));
        order.truncate(MOST_LINES);
    }
    let line = |&at: &usize| {
        let class = &classes[at];
        let figures = [class.precision, class.recall, class.f1].map(significant);
        [vec![shown(&class.class)], figures.to_vec(), vec![class.rows.to_string()]].concat()
    };
    let mut rows: Vec<Vec<String>> = order.iter().map(line).collect();
    let evaluation = &judged.evaluation;
    if let (Some(precision), Some(recall), Some(f1)) =
        (evaluation.macro_precision, evaluation.macro_recall, evaluation.macro_f1)
    {
        let all: u64 = classes.iter().map(|class| class.rows).sum();
        rows.push(vec!["mean".into(), significant(precision), significant(recall), significant(f1), all.to_string()]);
    }
    let mut words = String::from(
        "Precision: of the rows that the model says are of the class, the share that are. Recall: of the rows of the class, \
         the share that the model finds. F1: their harmonic mean. All go from 0 to 1.",
    );
    if is_cut {
        words.push_str(&format!(" Of {} classes these are the {MOST_LINES} with the lowest F1.", classes.len()));
    }
    let head = ["class", "precision", "recall", "F1", "rows"].map(String::from).to_vec();
    let table = Table { head, rows, is_words: false };
    section.items.push(Item::Beside(vec![Item::Text(words), Item::Table(table)]));
}
