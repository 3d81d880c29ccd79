//! What a model reports about itself: figures by its loss, a threshold that classes, metrics and file obey, importance of
//! features by its definition. The models put out their inputs, so that the figures of known numbers can be compared
//! with scikit-learn's.

use anygrad::backend::Device;
use anygrad::data::{Dataset, Features, Targets};
use anygrad::model::quality::{PermutationImportance, Score};
use anygrad::model::{Evaluation, Model, probabilities};
use anygrad::nn::{Loss, Sequential};
use anygrad::optim::Sgd;
use anygrad::random::{Permutation, Purpose, stream_key};
use anygrad::train::Trainer;
use pollster::block_on;

/// Rows of features, with classes or values.
fn dataset(rows: &[f32], width: usize, targets: Targets) -> Dataset {
    Dataset::new("known", Features::F32 { width, data: rows.to_vec() }, targets).expect("valid data")
}

fn classes(count: usize, labels: &[u32]) -> Targets {
    let classes = ["no", "yes", "other"][..count].iter().map(ToString::to_string).collect();
    Targets::Labels { name: "answer".into(), classes, data: labels.to_vec() }
}

fn values(names: &[&str], numbers: &[f32]) -> Targets {
    Targets::Values { names: names.iter().map(ToString::to_string).collect(), data: numbers.to_vec() }
}

/// A linear model of `data` with this weight matrix, `[outputs, inputs]`, and no bias.
fn model(data: &Dataset, loss: Loss, weights: &[f32]) -> Model {
    let inputs = data.features.width();
    let layers = Sequential::new(inputs).linear(weights.len() / inputs);
    let mut trainer = Trainer::new(layers, loss, Sgd::new(0.1)).epochs(0);
    block_on(trainer.fit_rows(data, None)).expect("an initial model");
    let mut model = trainer.model().expect("a model").clone();
    model.tensors[0].data = weights.to_vec();
    model.tensors[1].data.fill(0.0);
    model
}

fn identity(width: usize) -> Vec<f32> {
    (0..width * width).map(|i| f32::from(u8::from(i % (width + 1) == 0))).collect()
}

fn evaluate(model: &Model, data: &Dataset) -> Evaluation {
    model.evaluate_blocking(data, &Device::Cpu).expect("an evaluation")
}

#[track_caller]
fn close(got: Option<f64>, expected: f64) {
    let got = got.expect("a figure");
    assert!((got - expected).abs() < 1e-12, "{got}, not {expected}");
}

/// Logits of "no" and "yes"; the third row's are equal, the last two rows have one probability.
const TWO: [f32; 14] = [1.0, 0.0, 0.5, 2.0, 0.25, 0.25, 2.0, -1.0, -0.5, 1.0, 0.0, 1.0, 3.0, 4.0];
const ANSWERS: [u32; 7] = [0, 1, 1, 0, 0, 1, 0];

/// With `z` = TWO in rows, `y` = ANSWERS and `p = scipy.special.softmax(z, axis=1)[:, 1]`, scikit-learn 1.9.1:
/// roc_auc_score(y, p), average_precision_score(y, p), log_loss(y, p), brier_score_loss(y, p)
const OF_TWO: [f64; 4] = [0.6666666666666666, 0.5333333333333333, 0.6549065929505514, 0.23329456156450548];

#[test]
fn two_classes_have_figures_of_the_second_one() {
    let data = dataset(&TWO, 2, classes(2, &ANSWERS));
    let evaluation = evaluate(&model(&data, Loss::cross_entropy(), &identity(2)), &data);
    close(evaluation.roc_auc, OF_TWO[0]);
    close(evaluation.average_precision, OF_TWO[1]);
    close(evaluation.log_loss, OF_TWO[2]);
    close(evaluation.brier, OF_TWO[3]);
    let calibration = evaluation.calibration.expect("a table");
    assert_eq!(calibration.bins.iter().map(|bin| bin.rows).sum::<u64>(), 7);
    assert_eq!((evaluation.threshold, evaluation.per_target), (None, None));

    // A single logit, the difference of the two, says the same.
    let differences: Vec<f32> = TWO.chunks(2).map(|z| z[1] - z[0]).collect();
    let single = dataset(&differences, 1, classes(2, &ANSWERS));
    let evaluation = evaluate(&model(&single, Loss::binary_cross_entropy(), &[1.0]), &single);
    close(evaluation.roc_auc, OF_TWO[0]);
    close(evaluation.log_loss, OF_TWO[2]);
    close(evaluation.brier, OF_TWO[3]);
}

#[test]
fn a_loss_without_probabilities_ranks_but_has_no_figures_of_probabilities() {
    let data = dataset(&TWO, 2, classes(2, &ANSWERS));
    for loss in [Loss::hinge(1.0), Loss::perceptron()] {
        let evaluation = evaluate(&model(&data, loss, &identity(2)), &data);
        close(evaluation.roc_auc, OF_TWO[0]);
        close(evaluation.average_precision, OF_TWO[1]);
        assert_eq!((evaluation.log_loss, evaluation.brier, evaluation.calibration), (None, None, None));
    }
    let three = dataset(&TWO[..12], 3, classes(3, &[0, 1, 2, 0]));
    assert_eq!(evaluate(&model(&three, Loss::hinge(1.0), &identity(3)), &three).roc_auc, None);
    assert!(evaluate(&model(&three, Loss::cross_entropy(), &identity(3)), &three).roc_auc.is_some());
    // Of one class alone nothing can be ranked.
    let one_class = dataset(&TWO, 2, classes(2, &[1; 7]));
    let evaluation = evaluate(&model(&one_class, Loss::cross_entropy(), &identity(2)), &one_class);
    assert_eq!((evaluation.roc_auc, evaluation.log_loss.is_some()), (None, true));
}

#[test]
fn log_loss_knows_no_smoothing() {
    let data = dataset(&TWO, 2, classes(2, &ANSWERS));
    let evaluation = evaluate(&model(&data, Loss::cross_entropy().label_smoothing(0.2), &identity(2)), &data);
    close(evaluation.log_loss, OF_TWO[2]);
    assert!((evaluation.loss - OF_TWO[2]).abs() > 0.01, "the loss of training is another number");
}

/// Of the two targets in `several_targets_…`, scikit-learn 1.9.1: R² and RMSE of each, with multioutput="raw_values", and
/// r2_score(y, p), the uniform average.
const OF_VALUES: [f64; 5] =
    [0.7692307692307692, 1.0801234497346435, 0.9615384615384616, 0.5773502691896257, 0.8653846153846154];

#[test]
fn several_targets_have_a_list_and_one_target_has_plain_figures() {
    let data = dataset(&[1.0, 2.0, 3.0, 5.0, 5.0, 9.0], 2, values(&["a", "b"], &[1.5, 2.0, 2.0, 4.0, 6.5, 9.0]));
    let evaluation = evaluate(&model(&data, Loss::mean_squared_error(), &identity(2)), &data);
    let targets = evaluation.per_target.expect("targets");
    for (target, (name, r_squared, absolute, squared)) in
        targets.iter().zip([("a", OF_VALUES[0], 1.0, OF_VALUES[1]), ("b", OF_VALUES[2], 1.0 / 3.0, OF_VALUES[3])])
    {
        assert_eq!(target.name, name);
        close(target.r_squared, r_squared);
        close(Some(target.mean_absolute_error), absolute);
        close(Some(target.root_mean_squared_error), squared);
    }
    close(evaluation.r_squared, OF_VALUES[4]);
    assert_eq!((evaluation.mean_absolute_error, evaluation.root_mean_squared_error), (None, None));

    let one = dataset(&[1.0, 3.0, 5.0], 1, values(&["a"], &[1.5, 2.0, 6.5]));
    let evaluation = evaluate(&model(&one, Loss::mean_squared_error(), &[1.0]), &one);
    close(evaluation.r_squared, OF_VALUES[0]);
    close(evaluation.mean_absolute_error, 1.0);
    close(evaluation.root_mean_squared_error, OF_VALUES[1]);
    assert_eq!(evaluation.per_target.map(|targets| targets.len()), Some(1));
}

#[test]
fn labels_have_the_share_of_rows_that_are_right_as_a_whole() {
    let logits = [1.0, -1.0, 1.0, 2.0, -1.0, -1.0];
    let data = dataset(&logits, 2, values(&["warm", "wet"], &[1.0, 0.0, 0.0, 1.0, 1.0, 0.0]));
    let evaluation = evaluate(&model(&data, Loss::binary_cross_entropy(), &identity(2)), &data);
    close(evaluation.accuracy, 4.0 / 6.0);
    // accuracy_score([[1, 0], [0, 1], [1, 0]], [[1, 0], [1, 1], [0, 0]])
    close(evaluation.subset_accuracy, 1.0 / 3.0);
}

#[test]
fn a_threshold_decides_classes_metrics_and_survives_the_file() {
    let data = dataset(&TWO, 2, classes(2, &ANSWERS));
    let differences: Vec<f32> = TWO.chunks(2).map(|z| z[1] - z[0]).collect();
    let single = dataset(&differences, 1, classes(2, &ANSWERS));
    for (data, loss, weights) in
        [(&data, Loss::cross_entropy(), identity(2)), (&single, Loss::binary_cross_entropy(), vec![1.0])]
    {
        let plain = model(data, loss, &weights);
        let width = data.features.width();
        let Features::F32 { data: rows, .. } = &data.features else { unreachable!("floats") };
        let second: Vec<f64> = rows.chunks(width).map(|row| probabilities(row)[1]).collect();
        // Among them one that a row has: it counts as reached.
        for threshold in [0.1, second[3], 0.5, 0.75, 0.9] {
            let with = plain.clone().with_threshold(threshold).expect("a threshold");
            let expected: Vec<usize> = second.iter().map(|&p| usize::from(p >= threshold)).collect();
            let loaded = Model::from_bytes(&with.to_bytes().expect("bytes")).expect("a model");
            assert_eq!(loaded.threshold, Some(threshold));
            for model in [&with, &loaded] {
                let once = block_on(model.classes(&data.features, &Device::Cpu)).expect("classes");
                let mut predictor = block_on(model.predictor(&Device::Cpu)).expect("loaded");
                let again = block_on(predictor.classes(&data.features)).expect("classes");
                assert_eq!((once, again), (expected.clone(), expected.clone()));
                let evaluation = evaluate(model, data);
                let mut confusion = vec![vec![0; 2]; 2];
                expected.iter().zip(ANSWERS).for_each(|(&class, label)| confusion[label as usize][class] += 1);
                let right = confusion[0][0] + confusion[1][1];
                close(evaluation.accuracy, right as f64 / 7.0);
                assert_eq!((evaluation.confusion, evaluation.threshold), (Some(confusion), Some(threshold)));
                // What does not depend on the threshold stays.
                close(evaluation.roc_auc, OF_TWO[0]);
            }
        }
    }
}

#[test]
fn a_file_states_the_format_that_its_threshold_needs() {
    let data = dataset(&TWO, 2, classes(2, &ANSWERS));
    let plain = model(&data, Loss::cross_entropy(), &identity(2));
    let states =
        |model: &Model, format: &str| String::from_utf8_lossy(&model.to_bytes().expect("bytes")).contains(format);
    assert!(states(&plain, r#"{\"format\":1,"#), "readers of format 1 do right by it");
    let with = plain.with_threshold(0.3).expect("a threshold");
    assert!(states(&with, r#"{\"format\":2,"#), "a reader of format 1 would predict other classes");
}

#[test]
fn a_threshold_that_means_nothing_is_refused() {
    let two = dataset(&TWO, 2, classes(2, &ANSWERS));
    let refusal = |model: Model, threshold| model.with_threshold(threshold).expect_err("refused").to_string();
    for threshold in [0.0, 1.0, -0.1, f64::NAN, f64::INFINITY] {
        let message = refusal(model(&two, Loss::cross_entropy(), &identity(2)), threshold);
        assert_eq!(message, format!("threshold = {threshold}: must lie between 0 and 1, such as 0.3"));
    }
    let why = "threshold = 0.3: only a model that puts out probabilities of two classes has a threshold";
    assert_eq!(refusal(model(&two, Loss::hinge(1.0), &identity(2)), 0.3), why);
    let three = dataset(&TWO[..12], 3, classes(3, &[0, 1, 2, 0]));
    assert_eq!(refusal(model(&three, Loss::cross_entropy(), &identity(3)), 0.3), why);
    let mut broken = model(&two, Loss::cross_entropy(), &identity(2));
    broken.threshold = Some(1.5);
    let error = Model::from_bytes(&broken.to_bytes().expect("bytes")).expect_err("refused").to_string();
    assert!(error.contains("threshold = 1.5: must lie between 0 and 1"), "{error}");
}

#[test]
fn outputs_that_are_not_numbers_are_no_result() {
    let data = dataset(&TWO, 2, classes(2, &ANSWERS));
    let model = model(&data, Loss::cross_entropy(), &[f32::NAN, 0.0, 0.0, 1.0]);
    let error = model.evaluate_blocking(&data, &Device::Cpu).expect_err("refused").to_string();
    assert_eq!(error, "model: its output for row 1 is NaN: the row is too far from those it learnt from");
}

/// Rows in which the class depends on the first two features, much on the first.
fn rows_of_four() -> (Vec<f32>, Vec<u32>) {
    let word = |i: u32| anygrad::random::unit(anygrad::random::word([3, 4], i, 0)) * 2.0 - 1.0;
    let rows: Vec<f32> = (0..4 * 60).map(word).collect();
    let labels = rows.chunks(4).map(|x| u32::from(2.0 * x[0] + 0.5 * x[1] > 0.1)).collect();
    (rows, labels)
}

/// The definition, written out: the score minus the score after the columns are taken from other rows.
fn fall(data: &Dataset, range: std::ops::Range<usize>, order: &Permutation, score: impl Fn(&Dataset) -> f64) -> f64 {
    let Features::F32 { width, data: numbers } = &data.features else { unreachable!("floats") };
    let mut shuffled = data.clone();
    let mut moved = numbers.clone();
    for row in 0..data.rows() {
        for column in range.clone() {
            moved[row * width + column] = numbers[order.at(row as u32) as usize * width + column];
        }
    }
    shuffled.features = Features::F32 { width: *width, data: moved };
    score(data) - score(&shuffled)
}

#[test]
fn importance_is_the_fall_of_the_score_when_features_are_shuffled() {
    let (rows, labels) = rows_of_four();
    let data = dataset(&rows, 4, classes(2, &labels));
    let model_of_classes = model(&data, Loss::cross_entropy(), &[0.0, 0.0, 0.0, 0.0, 2.0, 0.5, 0.0, 0.0]);
    let sums = rows.chunks(4).map(|x| 3.0 * x[0] - x[1] + 0.1 * x[3]).collect::<Vec<f32>>();
    let value_data = dataset(&rows, 4, values(&["y"], &sums));
    let model_of_values = model(&value_data, Loss::mean_squared_error(), &[2.5, -1.0, 0.0, 0.0]);
    let accuracy = |model: &Model, data: &Dataset| evaluate(model, data).accuracy.expect("an accuracy");
    let area = |model: &Model, data: &Dataset| evaluate(model, data).roc_auc.expect("an area");
    let r_squared = |model: &Model, data: &Dataset| evaluate(model, data).r_squared.expect("R²");
    let groups = vec![("first".to_string(), 0..1), ("pair".to_string(), 1..3), ("last".to_string(), 3..4)];
    let how = PermutationImportance { groups: groups.clone(), repeats: 4, seed: 9, score: None };
    type ScoreOf<'a> = &'a dyn Fn(&Model, &Dataset) -> f64;
    let cases: [(&Model, &Dataset, Option<Score>, ScoreOf<'_>); 3] = [
        (&model_of_classes, &data, None, &accuracy),
        (&model_of_classes, &data, Some(Score::RocAuc), &area),
        (&model_of_values, &value_data, None, &r_squared),
    ];
    for (model, data, score, of) in cases {
        let how = PermutationImportance { score, ..how.clone() };
        let importance = model.importance_blocking(data, &how, &Device::Cpu).expect("importance");
        close(Some(importance.score), of(model, data));
        for (id, (feature, (name, range))) in importance.features.iter().zip(&groups).enumerate() {
            let falls: Vec<f64> = (0..4)
                .map(|repeat| {
                    let key = stream_key(9, Purpose::Permute, id as u32);
                    fall(data, range.clone(), &Permutation::new(key, repeat, 60), |data| of(model, data))
                })
                .collect();
            let mean = falls.iter().sum::<f64>() / 4.0;
            let variance = falls.iter().map(|fall| (fall - mean) * (fall - mean)).sum::<f64>() / 4.0;
            assert_eq!(feature.name, *name);
            close(Some(feature.mean), mean);
            close(Some(feature.deviation), variance.sqrt());
        }
        let means: Vec<f64> = importance.features.iter().map(|feature| feature.mean).collect();
        assert!(means[0] > 0.1 && means[0] > means[1] && means[1] > 0.0, "{means:?}");
        assert_eq!(means[2], 0.0, "the model does not look at the last feature");
        let again = model.importance_blocking(data, &how, &Device::Cpu).expect("importance");
        assert_eq!(importance, again);
        let other = PermutationImportance { seed: 10, ..how };
        assert_ne!(importance, model.importance_blocking(data, &other, &Device::Cpu).expect("importance"));
    }
}

#[test]
fn importance_refuses_what_it_cannot_measure() {
    let (rows, labels) = rows_of_four();
    let data = dataset(&rows, 4, classes(2, &labels));
    let model = model(&data, Loss::cross_entropy(), &[0.0, 0.0, 0.0, 0.0, 2.0, 0.5, 0.0, 0.0]);
    let refusal = |how: PermutationImportance| {
        model.importance_blocking(&data, &how, &Device::Cpu).expect_err("refused").to_string()
    };
    let how = PermutationImportance::default;
    assert_eq!(refusal(PermutationImportance { repeats: 0, ..how() }), "repeats = 0: must be at least 1");
    let groups = vec![("far".to_string(), 3..5)];
    let message = refusal(PermutationImportance { groups, ..how() });
    assert_eq!(message, "groups = far: 3..5: names no features, there are 4");
    let message = refusal(PermutationImportance { score: Some(Score::RSquared), ..how() });
    assert_eq!(message, "score = r_squared: is not one of classes");
}
