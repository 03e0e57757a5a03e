"""Trials: the strength of the penalty and the length of a training, by held-out rows.

With ``early_stopping='auto'``, a network is trained on a part of the rows first, at a
constant rate, until the loss of the other rows has not fallen for some time. With
``alpha='auto'``, this is repeated with other penalties. The final training then uses
all rows, the best penalty, and the best number of epochs.
"""

from dataclasses import dataclass
from itertools import islice
from math import ceil

import numpy as np

from .._data.held_out import folds, last_fold, mean_and_error, validation
from .._data.prepare import TrainingData, arrays_in_units
from .._data.splits import own_splits
from .._data.units import training_units
from .._engine.architecture import Architecture
from .._rules.warn import warn
from .._training.descent import Outcome, descend
from .._training.observers import Observers
from .._training.state import TrainingState
from .._training.stopping import Stopping
from ..schedules import Constant, Linear
from .parameters import FEW

# A fifth of the rows is held out, but not more than MOST_ROWS: more rows would not make
# the choice better. Fewer than ENOUGH_ROWS are not enough, and the next fifth follows.
# With shuffle=False, only the last fifth is held out. There are fewer rows before an
# earlier fifth, so that its best number of epochs would be another one.
N_SPLITS = 5
MOST_ROWS, ENOUGH_ROWS = 10_000, 500
# A trial ends after so many updates without an improvement, but not before half as many
# epochs as led to the best one.
PATIENCE, GROWTH = 600, 0.5
# From one trial to the next, the penalty changes by this factor, at most so often in
# each direction.
FACTOR, N_STEPS = 10, 2
# The final training has so many more epochs, relative to the best number, because the
# rate falls to zero in its last fifth. The noise of the constant rate then fades.
MORE, HOLD = 1.25, 0.8
# With so many epochs, or so many updates, a training that could still improve is not
# called too short. The falling rate has ended it well, and the gain would be small.
LONG_EPOCHS, LONG_UPDATES = 200, 3000


@dataclass
class Fold:
    """What the training without one fold has shown.

    Parameters
    ----------
    state : TrainingState or None
        The state at its best epoch; None if it is not needed.
    outcome : Outcome
        How it ended.
    architecture : Architecture
        The architecture of the network, with the scale of the targets.
    losses, scores, watched : ndarray of shape (n_epochs,)
        The loss and the score of the held-out samples after each epoch, and the number
        that should fall: the loss, or the negative score.
    of_rows : list of ndarray of shape (n_held_out,)
        The losses of the single samples after each epoch, in units of training. The
        list is empty if a score is watched, or if the training went back.
    weights : ndarray of shape (n_held_out,)
        The weights of the held-out samples.
    """

    state: TrainingState
    outcome: Outcome
    architecture: Architecture
    losses: np.ndarray
    scores: np.ndarray
    watched: np.ndarray
    of_rows: list
    weights: np.ndarray


@dataclass
class Result:
    """What came out of the trials with one penalty.

    Parameters
    ----------
    alpha : float or None
        The strength of the penalty; None for the number that the user has set.
    folds : list of Fold
        The folds.
    """

    alpha: float | None
    folds: list

    def curve(self, name, n_folds=None):
        """Return a mean curve of the folds, up to the end of the shortest one.

        Parameters
        ----------
        name : {'losses', 'scores', 'watched'}
            Which curve.
        n_folds : int, default=None
            How many of the folds to use. None is all of them.

        Returns
        -------
        curve : ndarray of shape (n_epochs,)
            The mean, weighted by the weights of the held-out samples.
        """
        used = self.folds[:n_folds]
        curves = [getattr(fold, name) for fold in used]
        length = min(map(len, curves))
        shares = [fold.weights.sum() for fold in used]
        return np.average([c[:length] for c in curves], axis=0, weights=shares)

    def n_epochs(self, n_folds=None, most=None):
        """Return the best number of epochs.

        Parameters
        ----------
        n_folds : int, default=None
            How many of the folds to use. None is all of them.
        most : int, default=None
            The largest number of epochs. None is that of the curve.

        Returns
        -------
        n_epochs : int
            The number.
        """
        curve = self.curve("watched", n_folds)[:most]
        # (an epoch that diverged is NaN)
        return int(np.argmin(np.where(np.isnan(curve), np.inf, curve))) + 1

    @property
    def n_final(self):
        """The number of epochs of the final training."""
        return min(ceil(MORE * self.n_epochs()), len(self.curve("watched")))

    def gain(self, other):
        """Compare with the result of another penalty.

        Parameters
        ----------
        other : Result
            The other result. If one of the two has fewer folds, these are compared.

        Returns
        -------
        gain, error : float
            By how much the loss of the held-out samples is lower, and the standard
            error of this difference. If the losses of the single samples are not known,
            it is the standard error over the folds, and 0 for a single fold.
        """
        n = min(len(self.folds), len(other.folds))
        used = list(zip(self.folds[:n], other.folds[:n], strict=True))
        at, other_at = self.n_epochs(n) - 1, other.n_epochs(n) - 1
        if all(fold.of_rows for pair in used for fold in pair):
            gains = [b.of_rows[other_at] - a.of_rows[at] for a, b in used]
            gains = np.concatenate(gains).astype(np.float64)
            weights = np.concatenate([a.weights for a, _ in used])
            weights = weights / weights.max()
        else:
            gains = np.array([b.watched[other_at] - a.watched[at] for a, b in used])
            weights = np.array([a.weights.sum() for a, _ in used])
        return mean_and_error(gains, weights)

    def note_in(self, state):
        """Note in a state what is published about held-out samples.

        Parameters
        ----------
        state : TrainingState
            The state during or after the final training.
        """
        n = len(state.loss_curve)
        state.watched = self.folds[0].state.watched
        state.validation_loss_curve = self.curve("losses")[:n].tolist()
        state.validation_scores = self.curve("scores")[:n].tolist()
        state.best_iter = self.n_epochs(most=n)
        state.best_score = state.validation_scores[state.best_iter - 1]


class Interrupted(Exception):
    """The user has interrupted the trials.

    Parameters
    ----------
    fold : Fold
        The best network so far.
    """

    def __init__(self, fold):
        super().__init__()
        self.fold = fold


class Trials:
    """The trials of a fit.

    Parameters
    ----------
    estimator : MultilayerPerceptron
        The estimator. The units of its network are those of the last trial.
    rules : dict
        Its parameters that are rules, as objects.
    samples : Samples
        All samples of the fit.
    architecture : Architecture
        The architecture of the network.
    state : TrainingState
        The state in which each training starts. Its generator draws the seed of the
        division into folds.
    given : Given
        The arguments of the call.
    """

    def __init__(self, estimator, rules, samples, architecture, state, given):
        self.estimator, self.given = estimator, given
        self.architecture, self.state = architecture, state
        self.rules = {**rules, "learning_rate": Constant()}
        self.samples = samples
        weights = samples.weight_of_rows
        self.n_used, self.weight_sum = np.count_nonzero(weights), float(weights.sum())
        self.batch_size = estimator._size_of_batches(self.rules, len(samples.y))
        self._parts = []

    @property
    def are_possible(self):
        """Whether there are enough samples, for a score also of each class."""
        strata = self.samples.encoding.strata(self.samples.y)
        least = N_SPLITS
        if self.estimator.scoring is not None and strata is not None:
            least = np.unique(strata, return_counts=True)[1].min()
        return self.n_used >= FEW and least >= N_SPLITS

    def choose(self, alpha=None):
        """Find the best penalty.

        The search starts at `alpha`. It goes on to smaller penalties as long as they
        are better, or else to larger ones.

        Parameters
        ----------
        alpha : float, default=None
            The strength at which the search starts. None for the number that the user
            has set, which is the only one.

        Returns
        -------
        best : Result
            The best result.

        Raises
        ------
        Interrupted
            If the user interrupts the trials.
        """
        self._parts = self._divide()
        best = self.run(alpha)
        if alpha is None:
            return best
        for factor in (1 / FACTOR, FACTOR):
            for _ in range(N_STEPS):
                other = self._challenge(best, best.alpha * factor)
                gain, error = other.gain(best)
                if not gain > error:  # (they are NaN after divergence)
                    break
                best = other
            if best.alpha != alpha:
                break
        return best

    def _divide(self):
        # the folds: training rows and held-out samples
        own, samples = self.estimator.validation_split, self.samples
        n_splits = max(N_SPLITS, ceil(self.n_used / MOST_ROWS))
        n_folds = min(N_SPLITS, ceil(ENOUGH_ROWS * n_splits / self.n_used))
        if own is None and samples.groups is None:
            if not self.estimator.shuffle:
                return last_fold(samples, n_splits)
            return folds(samples, n_splits, n_folds, self._seed())
        rng = np.random.RandomState(self._seed())
        splits = own_splits(self.estimator, samples, rng, n_splits)
        used = islice(splits, n_folds if own is None else None)
        return [(rows, samples.take(part).with_weight()) for rows, part in used]

    def _seed(self):
        return int(2**31 * self.state.rng.random_sample())

    def _challenge(self, best, alpha):
        # train with another penalty; if the user interrupts this, the best one remains
        try:
            return self.run(alpha, best)
        except (Interrupted, KeyboardInterrupt) as error:
            if isinstance(error, KeyboardInterrupt):
                warn("Training interrupted by user.")
            raise Interrupted(best.folds[0]) from None

    def run(self, alpha, rival=None):
        """Train with one penalty, once for each fold.

        Parameters
        ----------
        alpha : float or None
            Its strength.
        rival : Result, default=None
            The best result so far. If this penalty is worse than it on the first folds,
            by more than the standard error, the other folds are left out.

        Returns
        -------
        result : Result
            What came out.
        """
        result = Result(alpha, [])
        for rows, held_out in self._parts:
            fold = self._train(alpha, rows, held_out)
            if result.folds:  # only the first can become the result of the fit
                fold.state = None
            result.folds.append(fold)
            if rival is not None:
                gain, error = result.gain(rival)
                if not gain >= -error:
                    break
        self._report_trial(result)
        return result

    def _report_trial(self, result):
        if not self.estimator.verbose:
            return
        best = result.n_epochs()
        print(
            f"Trial{self._penalty(result)}: validation loss "
            f"{result.curve('losses')[best - 1]:.6g}, validation score "
            f"{result.curve('scores')[best - 1]:.4g} after {best} epochs"
        )

    def _report_choice(self, best):
        if not self.estimator.verbose:
            return
        reached = len(best.curve("watched")) == self.rules["max_iter"]
        limit = " (max_iter was reached)" if reached else ""
        print(f"Final training of {best.n_final} epochs{self._penalty(best)}{limit}")

    def _penalty(self, result):
        # the penalty as `alpha_` will have it, if it was not set by the user
        if result.alpha is None:
            return ""
        mean = self.weight_sum / len(self.samples.y)
        alpha = self.estimator._as_alpha(result.alpha, self.batch_size, mean)
        return f" with alpha={alpha:.3g}"

    def _train(self, alpha, rows, held_out):
        estimator, samples, state = self.estimator, self.samples, self.state.copy()
        state.alpha = alpha
        units = training_units(estimator, samples, self.architecture, rows)
        arrays = arrays_in_units(estimator, samples, units, self.rules["solver"])
        data = TrainingData(arrays, units, samples.encoding, rows, held_out)
        estimator._start_or_continue(self.architecture, state, data, self.given, None)
        architecture = estimator._architecture_
        state.begin_fit()
        state.add_weights(data)
        recipe = estimator._recipe(self.rules, data, state, False)
        estimator.alpha_ = recipe.alpha
        scorer = estimator._scorer(self.given.weighs_validation)
        of_rows = []
        how = estimator._score_raw, scorer, of_rows
        validate = validation(held_out, architecture, state.units, *how)
        n_updates = ceil(data.n_samples / recipe.batch_size)
        patience = max(estimator.n_iter_no_change, ceil(PATIENCE / n_updates))
        state.stopping = Stopping(estimator.tol, patience, False, GROWTH)
        state.watched = "validation loss" if scorer is None else "validation score"
        with estimator._advice_on_divergence(recipe, data):
            outcome = descend(state, architecture, data, recipe, validate, Observers())
        losses, scores = map(
            np.array, (state.validation_loss_curve, state.validation_scores)
        )
        curves = losses, scores, losses if scorer is None else -scores
        # (if the training went back after divergence, the rows do not match the curve)
        matches = scorer is None and not state.n_restarts
        of_rows, weights = of_rows if matches else [], held_out.weight_of_rows
        fold = Fold(state, outcome, architecture, *curves, of_rows, weights)
        if outcome.interrupted:
            raise Interrupted(fold)
        return fold

    def rules_of_all(self, best=None):
        """Return the rules of the final training, on all samples.

        Parameters
        ----------
        best : Result, default=None
            The best result; None if there was no trial.

        Returns
        -------
        rules : dict
            The rules.
        """
        most = self.rules["max_iter"]
        n_epochs, ended = min(most, LONG_EPOCHS), False
        if best is not None:
            n_epochs = best.n_final
            ended = all(fold.outcome.stopped for fold in best.folds)
            self._report_choice(best)
        n_updates = most * ceil(len(self.samples.y) / self.batch_size)
        is_long = most >= LONG_EPOCHS or n_updates >= LONG_UPDATES
        return {
            **self.rules,
            "learning_rate": Linear(hold=HOLD),
            "max_iter": n_epochs,
            "short": not (ended or is_long),
        }
