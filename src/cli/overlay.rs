//! Flags on top of a recipe.

use super::options::{Hidden, TrainOptions};
use super::subject::Subject;
use anygrad::data::Targets;
use anygrad::model::Loss;
use anygrad::ops::activation::Activation;
use anygrad::optim::Optimizer;
use anygrad::train::{EarlyStopping, Recipe, multilayer_perceptron};
use anygrad::{Error, Result};

/// Replaces what flags say, as far as it does not depend on the data.
pub fn overlay(recipe: &mut Recipe, options: &TrainOptions) -> Result<()> {
    if let Some(path) = &options.from {
        recipe.from = Some(path.clone());
    }
    recipe.from = recipe.from.as_deref().map(Subject::model).transpose()?;
    if !options.freeze.is_empty() {
        recipe.train.frozen.clone_from(&options.freeze);
    }
    set(&mut recipe.seed, &options.seed);
    set(&mut recipe.device, &options.device);
    recipe.reproducible |= options.reproducible;
    options.data.overlay(&mut recipe.data);
    if let Some(loss) = &options.loss {
        // A flag that names the loss of the file keeps its options.
        let own = recipe.loss.take().filter(|own| own.name() == loss.name());
        recipe.loss = Some(own.unwrap_or_else(|| loss.clone()));
    }
    set(&mut recipe.regularization.l1, &options.l1);
    set(&mut recipe.regularization.l2, &options.l2);
    recipe.train.epochs = options.epochs.or(recipe.train.epochs);
    set(&mut recipe.train.batch_size, &options.batch_size);
    if let Some(patience) = options.patience {
        let rule = recipe.train.early_stopping.unwrap_or_default();
        recipe.train.early_stopping = Some(EarlyStopping { patience, ..rule });
    }
    recipe.optimizer = optimizer(recipe.optimizer, options)?;
    recipe.settle();
    Ok(())
}

pub(super) fn set<T: Clone>(field: &mut T, flag: &Option<T>) {
    if let Some(value) = flag {
        field.clone_from(value);
    }
}

/// Replaces the layers by those of the flags, where the recipe lists none or `--hidden` is given.
pub fn overlay_layers(recipe: &mut Recipe, options: &TrainOptions, targets: &Targets) -> Result<()> {
    if recipe.from.is_some() && recipe.layers.is_empty() && options.hidden.is_none() {
        // Nobody says what layers the weights are for: the recipe refuses it when it is completed.
        return Ok(());
    }
    if !recipe.layers.is_empty() && options.hidden.is_none() {
        let expected = "the config file lists its layers: change them there, or give --hidden to replace them";
        return refuse_layers(options, expected);
    }
    let hidden = options.hidden.as_ref().map_or(&[64][..], |hidden| &hidden.0);
    let (activation, dropout) = (options.activation.unwrap_or(Activation::Relu), options.dropout.unwrap_or(0.0));
    let outputs = recipe.name_loss(targets).outputs(targets);
    recipe.layers = multilayer_perceptron(hidden, activation, dropout, outputs);
    Ok(())
}

/// Refuses flags about layers that are settled already.
pub fn refuse_layers(options: &TrainOptions, why: &str) -> Result<()> {
    let widths = |hidden: &Hidden| hidden.0.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let given = [
        ("hidden", options.hidden.as_ref().map(widths)),
        ("activation", options.activation.map(|a| a.to_string())),
        ("dropout", options.dropout.map(|d| d.to_string())),
    ];
    match given.into_iter().find_map(|(name, value)| Some((name, value?))) {
        Some((name, value)) => Err(Error::option(name, value, why)),
        None => Ok(()),
    }
}

/// The flag `--class-weights`, once the loss is known.
pub fn overlay_class_weights(recipe: &mut Recipe, options: &TrainOptions, targets: &Targets) -> Result<()> {
    if let Some(weights) = &options.class_weights {
        recipe.name_loss(targets);
        let loss = recipe.loss.take().map(|loss| loss.class_weights(weights.clone()));
        loss.iter().try_for_each(Loss::validate)?;
        recipe.loss = loss;
    }
    Ok(())
}

/// The recipe's optimizer, or the named one with its defaults if it is another; the flags on top.
fn optimizer(of_recipe: Optimizer, options: &TrainOptions) -> Result<Optimizer> {
    let mut optimizer = match options.optimizer {
        Some(named) if of_recipe.name() != named.0.name() => named.0,
        _ => of_recipe,
    };
    let name = optimizer.name();
    let fields = optimizer.options();
    *fields.learning_rate = options.learning_rate.unwrap_or(*fields.learning_rate);
    *fields.weight_decay = options.weight_decay.unwrap_or(*fields.weight_decay);
    match (fields.momentum, options.momentum) {
        (Some(momentum), Some(given)) => *momentum = given,
        (None, Some(given)) => return Err(Error::option("momentum", given, &format!("{name} has no momentum"))),
        (_, None) => {}
    }
    match fields.nesterov {
        Some(nesterov) => *nesterov |= options.nesterov,
        None if options.nesterov => return Err(Error::option("nesterov", true, &format!("{name} has no such form"))),
        None => {}
    }
    optimizer.validate()?;
    Ok(optimizer)
}
