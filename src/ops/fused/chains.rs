//! The chains that a training step of fully connected layers consists of.

use super::{Factor, Fused, Link};
use crate::graph::Op;
use crate::ops::activation::{Activate, ActivateGrad, Activation};
use crate::ops::add_bias::AddBias;
use crate::ops::dropout::Dropout;
use crate::ops::matmul::Matmul;

impl Fused {
    /// A layer, `f(x · Wᵀ + b)`; with dropout, also what that leaves of it. Inputs: `x [B, I]`, `W [O, I]`, `b [O]`.
    ///
    /// ```
    /// use anygrad::graph::Operation;
    /// use anygrad::ops::{activation::Activation, fused::Fused};
    /// let layer = Fused::layer(Activation::Relu, None);
    /// assert_eq!(layer.spec().name, "matmul ▸ add_bias ▸ activation");
    /// ```
    pub fn layer(activation: Activation, dropout: Option<Dropout>) -> Fused {
        let chain = vec![Link::Op(AddBias.into()), Link::Op(Activate(activation).into()), Link::Store];
        let dropped = dropout.map(|dropout| [Link::Op(dropout.into()), Link::Store]);
        Fused { chain: chain.into_iter().chain(dropped.into_iter().flatten()).collect(), ..product(Matmul::NT) }
    }

    /// The gradient of a layer's input through the dropout and the activation before the layer, `dropout(g · W) ⊙ f′(saved)`.
    /// Inputs: `g [B, O]`, `W [O, I]`, `saved [B, I]`.
    pub fn grad_input(activation: Activation, dropout: Option<Dropout>) -> Fused {
        let dropped = dropout.map(|dropout| Link::Op(dropout.into()));
        let chain = dropped.into_iter().chain([Link::Op(ActivateGrad(activation).into()), Link::Store]).collect();
        Fused { chain, ..product(Matmul::NN) }
    }

    /// The step of a layer's weight by its gradient `gᵀ · x`, and beside it, if there is a bias, of the bias by the sums of
    /// the columns of `g`. Inputs: `g [B, O]`, `x [B, I]`, then those of the rule but the gradient, for weight and bias.
    pub fn update(rule: impl Into<Op>, has_bias: bool) -> Fused {
        let rule = rule.into();
        let beside = if has_bias { vec![Link::Op(rule.clone())] } else { Vec::new() };
        Fused { chain: vec![Link::Op(rule)], beside, ..product(Matmul::TN) }
    }

    /// With rows of a batch in the place of the matrix that is factor number `at`, 0 for A and 1 for B.
    pub fn on_rows(mut self, at: usize, rows: usize, byte_scale: Option<f32>) -> Fused {
        self.factors[at] = Factor::Rows { rows, byte_scale };
        self
    }
}

fn product(form: Matmul) -> Fused {
    Fused::new(form, [Factor::Dense; 2])
}
