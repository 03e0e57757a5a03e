"""A network over an encoded table: one member of an ensemble."""

from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from .._data.targets import ClassEncoding
from .._estimators.num_embedding import begin_linear
from .._rules.plain_state import stored_as_dict
from ..mlp import MLPGDClassifier, MLPGDRegressor

# The learning rate of Adam at the start of a cosine.
RATE = 0.002
# An epoch has so many updates, unless batches become too small or too large for it.
UPDATES_OF_EPOCH = 32
BATCH = 32, 256
# A training has so many updates, within these limits of epochs. It ends earlier if
# PATIENCE updates, or MOST_PATIENCE epochs, have not lowered the loss of the held-out
# rows.
N_UPDATES, N_EPOCHS = 3000, (12, 400)
PATIENCE, MOST_PATIENCE = 500, 60


@stored_as_dict
@dataclass(frozen=True)
class Setting:
    """What the held-out rows choose.

    Parameters
    ----------
    alpha : float
        The strength of the L2 penalty for a single sample.
    dropout : float
        The rate of dropout after each hidden layer.
    bends : bool
        Whether the first layer is a piecewise linear function of each number.
    hidden : tuple of int
        The number of units in each hidden layer.
    """

    alpha: float
    dropout: float
    bends: bool
    hidden: tuple


class _TableNetwork:
    # What a network over an encoded table adds to `MLPGD*`. The features are in units
    # of training already.
    _setting = None
    _interrupted = False  # whether the user has ended the training
    _joined = ()
    _bend = None  # which features are hat functions
    _n_stored = 1.0  # the mean number of stored values of a row
    _prior = None  # the intercepts of the outputs at the start

    @classmethod
    def of(cls, setting, table, n_samples, seed, prior, **options):
        """Make the network for a setting.

        Parameters
        ----------
        setting : Setting
            The setting.
        table : Table
            The encoded training data.
        n_samples : int
            The number of training samples.
        seed : int
            The seed of the training.
        prior : ndarray of shape (n_outputs,) or None
            The intercepts of the outputs at the start.
        **options : dict
            More parameters of `MLPGD*`.

        Returns
        -------
        network : MLPGDClassifier or MLPGDRegressor
            The network, to be fitted to ``table.features(setting.bends)``.
        """
        batch = min(max(ceil(n_samples / UPDATES_OF_EPOCH), BATCH[0]), BATCH[1])
        batch = min(batch, n_samples)
        n_updates = ceil(n_samples / batch)
        options = {
            "max_iter": min(max(ceil(N_UPDATES / n_updates), N_EPOCHS[0]), N_EPOCHS[1]),
            "n_iter_no_change": min(max(ceil(PATIENCE / n_updates), 3), MOST_PATIENCE),
            "early_stopping": True,
            **options,
        }
        network = cls(
            setting.hidden,
            alpha=setting.alpha * batch,
            dropout=setting.dropout,
            solver="minibatch",
            optimizer="adam",
            learning_rate="cosine",
            learning_rate_init=RATE,
            batch_size=batch,
            standardize=False,
            tol=0.0,
            random_state=seed,
            **options,
        )
        network._setting = setting
        network._bend = table.is_bend if setting.bends else None
        network._joined = tuple(table.joined.tolist()) if setting.bends else ()
        network._n_stored = table.n_stored
        network._prior = prior
        return network

    def _publish_fit(self, state, outcome, given):
        super()._publish_fit(state, outcome, given)
        self._interrupted = outcome.interrupted

    def strip(self):
        """Drop the state of the training, and predict in float64 from now on.

        The rows that were held out are dropped, too: the ensemble knows them. In
        float32, a prediction depends in the last digits on the rows beside it.

        Returns
        -------
        self : object
            The network.
        """
        super().strip()
        self.validation_split = None
        self._state.theta = self._state.theta.astype(np.float64)
        return self

    def _architecture(self, rules, samples):
        architecture = super()._architecture(rules, samples)
        return replace(architecture, joined=self._joined)

    def _initialise(self, architecture, views, rng):
        super()._initialise(architecture, views, rng)
        begin_linear(views["W"][0], self._n_stored, self._bend)
        if self._prior is not None:
            views["b"][-1][:] = self._prior


class _CheckedClasses(ClassEncoding):
    # The ensemble has checked the classes. Each network would repeat the warnings.
    @classmethod
    def learn(cls, y, dtype, loss, **_):
        multilabel = y.ndim == 2
        classes = np.arange(y.shape[1]) if multilabel else np.unique(y)
        encoding = ClassEncoding(classes, multilabel, loss.link == "logistic")
        return y, encoding._code(y, dtype), encoding


@stored_as_dict
class TableClassifier(_TableNetwork, MLPGDClassifier):
    """A network for classes or labels."""

    _encoding_class = _CheckedClasses


@stored_as_dict
class TableRegressor(_TableNetwork, MLPGDRegressor):
    """A network for numbers."""
