"""The docstrings of the estimators, whose parameters are mostly the same."""

from __future__ import annotations

from typing import Any, Callable

_PARAMETERS = """
Parameters
----------
hidden_layer_sizes : int or sequence of int, default=(64,)
    Units of the hidden layers.
activation : str, default="relu"
    ``"relu"``, ``"tanh"``, ``"sigmoid"`` (also ``"logistic"``), ``"gelu"``, ``"silu"``, ``"elu:1"``, ``"leaky_relu:0.01"``,
    ``"softplus"``, ``"identity"`` and others.
solver : str or dict, default="adamw"
    ``"adamw"``, ``"adam"``, ``"sgd"``, ``"rmsprop"``, ``"adagrad"``, or the optimizer's table as a config file has it.
alpha : float, default=0.0
    scikit-learn's L2 penalty: ``alpha / (2 * rows of a batch)`` times the sum of the squared weights.
batch_size : int, "auto" or "full", default=64
    Rows of a step; ``"auto"`` is 64.
learning_rate : str or dict, default="cosine"
    How the learning rate changes: ``"constant"``, ``"cosine"``, or a table such as
    ``{{"kind": "step", "period": 10, "gamma": 0.5}}``.
learning_rate_init : float, optional
    The learning rate; without one, that of the optimizer: 0.003 for ``"adamw"``.
max_iter : int, optional
    Epochs; 100 if not given, fewer of more than 100,000 rows, five times as many with ``early_stopping``.
shuffle : bool, default=True
    Whether rows come in a new random order each epoch.
random_state : int, RandomState, Generator or None, default=None
    Decides initial values, order of rows, dropout and held-back rows. A number is the program's seed.
tol : float, default=0.0
    By how much the validation loss must fall to count, with ``early_stopping``.
verbose : bool, default=False
    Whether a line is printed for each epoch.
warm_start : bool, default=False
    Whether ``fit`` goes on from where the last call ended, the optimizer's state and all, for ``max_iter`` more epochs.
momentum : float, optional
    Of ``"sgd"`` (0.9 if not given) and ``"rmsprop"``.
nesterovs_momentum : bool, default=False
    Of ``"sgd"``.
early_stopping : bool, default=False
    Whether training ends when the loss of held-back rows no longer falls; the best epoch's weights are kept. Without it all
    epochs are run.
validation_fraction : float, default=0.1
    Share of the rows that is held back for ``early_stopping``.
beta_1, beta_2, epsilon : float
    Of ``"adam"`` and ``"adamw"``.
n_iter_no_change : int, default=10
    Epochs without improvement after which ``early_stopping`` ends training.
weight_decay : float, optional
    Of the optimizer; 0.1 of ``"adamw"`` if not given.
dropout : float, default=0.0
    Probability of dropping a hidden unit.
l1, l2 : float, default=0.0
    Penalties ``l1 * sum(abs(w))`` and ``l2 * sum(w**2)`` on all weights.
max_grad_norm, max_grad_value : float, optional
    Limits on gradients.
loss : str or dict, optional
    {loss}
{own}layers : list of str or dict, optional
    The net in the place of ``hidden_layer_sizes``, ``activation`` and ``dropout``: see ``anygrad.Net``.
device : str, default="auto"
    ``"auto"``, ``"cpu"``, ``"gpu"``, a place in ``anygrad.devices()``, or a part of a name.
missing : {{"indicator", "mean", "median", "refuse"}}, default="indicator"
    What is done about NaN, None and empty cells: the mean takes their place and a further feature says where, or not, or
    the median, or they are an error.
scaling : {{"standard", "min_max", "robust", "none"}}, default="standard"
    How numbers are brought to one scale.
most_categories : int, default=50
    Most categories of a column that get a feature of their own; the others share one.
categorical, numeric, drop : list of str or int, optional
    Columns that are categories, or numbers, whatever they look like, and columns to leave out: names or positions.
on_divergence : {{"stop", "rollback"}}, default="stop"
    What is done about NaN and infinity in the net.
reproducible : bool, default=False
    Whether the result has the same bits on every machine; then it is computed on the processor.
callbacks : callable or list of callables, optional
    Each is called with the report of each epoch, a dict; one that returns true ends training. Exceptions come through.
recipe : dict or path, optional
    A config file of the program, as a dictionary or its path. Of the other parameters those count more that differ from
    their defaults.

Attributes
----------
{attributes}n_features_in_ : int
    Columns of ``X``.
feature_names_in_ : ndarray of shape (n_features_in_,)
    Their names, if ``X`` was a frame with names that are texts.
loss_curve_, loss_, best_loss_ : list of float, float, float
    The loss of each epoch, the last and the least.
validation_scores_ : list of float or None
    {scores}
n_iter_, t_ : int
    Epochs, and steps.
history_ : list of dict
    The report of each epoch.
weights_hash_ : str
    Tells sets of weights apart: the program's, for the same rows, seed and recipe.
recipe_ : dict
    All settings of the run, as the program's config file states them.
decisions_ : list of str
    What was taken for what in ``X``.
device_ : str
    The device that it was trained on.
coefs_, intercepts_ : list of ndarray
    Weights of shape (inputs, outputs), and biases.

Notes
-----
Where one batch holds all rows, a whole ``sample_weight`` is what its row would be if it came so many times, bit for bit.
Of an array all columns are taken as they are, but for constant ones; of a frame those that count or name rows are left out,
which ``decisions_`` says.

Examples
--------
{examples}"""

CLASSIFIER = (
    "A neural network that classifies, trained on a GPU or on the processor, in scikit-learn's shape.\n"
    + _PARAMETERS.format(
        loss='``"cross_entropy"``, ``"hinge"``, ``"perceptron"``, ``"binary_cross_entropy"``; what fits ``y``, if not given.',
        own="""label_smoothing : float, default=0.0
    Share of the target that is spread over all classes.
class_weight : dict, "balanced" or None, default=None
    Weight of each class in the loss.
threshold : float or str, optional
    Of two classes: the probability from which on a row is of the second, or what it shall be best for on held-back rows:
    ``"f1"``, ``"accuracy"`` or ``"balanced_accuracy"``.
""",
        attributes="classes_ : ndarray of shape (n_classes,)\n    The classes.\n",
        scores="The accuracy on held-back rows after each epoch.",
        examples=""">>> import numpy as np
>>> from anygrad import AnygradClassifier
>>> rng = np.random.default_rng(0)
>>> X = rng.normal(size=(200, 2))
>>> y = np.where((X**2).sum(axis=1) < 1.4, "inside", "outside")
>>> net = AnygradClassifier(random_state=0).fit(X, y)
>>> net.predict([[0, 0], [2, 2]]).tolist()
['inside', 'outside']
>>> bool(net.score(X, y) > 0.95)
True
""",
    )
)

REGRESSOR = (
    "A neural network that predicts numbers, trained on a GPU or on the processor, in scikit-learn's shape.\n"
    + _PARAMETERS.format(
        loss='``"mean_squared_error"``, ``"half_squared_error"``, ``"mean_absolute_error"`` or ``"huber"``.',
        own="",
        attributes="",
        scores="R² on held-back rows after each epoch (minus the loss, for losses that are not of squares).",
        examples=""">>> import numpy as np
>>> from anygrad import AnygradRegressor
>>> x = np.linspace(-3, 3, 300).reshape(-1, 1)
>>> net = AnygradRegressor(random_state=0, learning_rate_init=0.01).fit(x, np.sin(x.ravel()))
>>> bool(abs(net.predict([[1.5]])[0] - np.sin(1.5)) < 0.05)
True
""",
    )
)


def documented(text: str) -> Callable[[Any], Any]:
    """Gives a class its docstring."""

    def put(own: Any) -> Any:
        own.__doc__ = text
        return own

    return put
