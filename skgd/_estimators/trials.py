"""Trials: the strength of the penalty and the length of a training, by held-out rows.

With ``early_stopping='auto'``, a network is trained on a part of the rows first, at a
constant rate, until the loss of the other rows has not fallen for some time. With
``alpha='auto'``, this is repeated with other penalties. The final training then uses
all rows, the best penalty, and the best number of epochs.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np

from .._data.held_out import folds, validation
from .._data.prepare import TrainingData, arrays_in_units
from .._data.units import training_units
from .._training.descent import descend
from .._training.observers import Observers
from .._training.stopping import Stopping
from ..schedules import Constant, Linear

# A fifth of the rows is held out, but not more than MOST_ROWS: more rows would not make
# the choice better. Fewer than ENOUGH_ROWS are not enough, and the next fifth follows.
N_SPLITS = 5
MOST_ROWS, ENOUGH_ROWS = 10_000, 500
# A trial ends after so many updates without an improvement, if it has been going on for
# half as long again as before the last improvement.
PATIENCE, GROWTH = 600, 0.5
# From one trial to the next, the penalty changes by this factor, at most so often.
FACTOR, N_STEPS = 10, 2
# The final training has so many more epochs, relative to the best number, because the
# rate falls to zero in its last fifth. The noise of the constant rate then fades.
MORE, HOLD = 1.25, 0.8
# A training that still improves after so many epochs, or after so many updates, is long
# enough not to be called too short: its rate falls to zero, and little is missing.
LONG_EPOCHS, LONG_UPDATES = 200, 3000


@dataclass
class Result:
    """What came out of a trial.

    Parameters
    ----------
    alpha : float or None
        The strength of the penalty; None for the number that the user has set.
    losses, scores : ndarray of shape (n_epochs,)
        The means over the folds of the loss and the score of the held-out samples.
    watched : ndarray of shape (n_epochs,)
        The means of the numbers that should fall.
    of_rows : ndarray of shape (n_held_out,) or None
        The losses of the single samples after the best epoch; None if something else is
        watched.
    weights : ndarray of shape (n_held_out,)
        Their weights.
    ended : bool
        Whether all trainings have ended on a plateau.
    """

    alpha: float | None
    losses: np.ndarray
    scores: np.ndarray
    watched: np.ndarray
    of_rows: np.ndarray | None
    weights: np.ndarray
    ended: bool

    @property
    def n_epochs(self):
        """The best number of epochs."""
        return int(np.argmin(self.watched)) + 1

    @property
    def n_final(self):
        """The number of epochs of the final training."""
        return min(ceil(MORE * self.n_epochs), len(self.watched))

    def note_in(self, state):
        """Note in a state what is published about held-out samples.

        Parameters
        ----------
        state : TrainingState
            The state after the final training.
        """
        n = len(state.loss_curve)
        state.watched = "validation loss"
        state.validation_loss_curve = self.losses[:n].tolist()
        state.validation_scores = self.scores[:n].tolist()
        state.best_iter = self.n_epochs
        state.best_score = float(self.scores[self.n_epochs - 1])

    def gain(self, other):
        """Compare with another trial on the same folds.

        Parameters
        ----------
        other : Result
            The other result. If one of the two has fewer folds, these are compared.

        Returns
        -------
        gain, error : float
            By how much the held-out loss is lower, and the standard error of this
            difference. If the losses of the single samples are not known, the curves
            are compared, and the error is 0.
        """
        if self.of_rows is None or other.of_rows is None:
            return other.watched.min() - self.watched.min(), 0.0
        n = min(len(self.of_rows), len(other.of_rows))
        gains = other.of_rows[:n].astype(np.float64) - self.of_rows[:n]
        weights = self.weights[:n]
        mean = np.average(gains, weights=weights)
        error = np.sqrt(np.sum((weights * (gains - mean)) ** 2)) / weights.sum()
        return mean, error


class Interrupted(Exception):
    """The user has interrupted a trial.

    Parameters
    ----------
    state : TrainingState
        The state of the trial, with the parameters of its best epoch.
    outcome : Outcome
        How it ended.
    """

    def __init__(self, state, outcome):
        super().__init__()
        self.state, self.outcome = state, outcome


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
        weights = samples.weight_of_rows
        self.n_used, self.weight_sum = np.count_nonzero(weights), float(weights.sum())
        self._samples = samples

    def _hold_out(self):
        n, samples = self.n_used, self._samples
        n_splits = max(N_SPLITS, ceil(n / MOST_ROWS))
        n_folds = min(N_SPLITS, ceil(ENOUGH_ROWS * n_splits / n))
        seed = int(2**31 * self.state.rng.random_sample())
        self._data = [
            self._prepared(samples, rows, held_out)
            for rows, held_out in folds(samples, n_splits, n_folds, seed)
        ]

    def _prepared(self, samples, rows, held_out):
        estimator = self.estimator
        units = training_units(estimator, samples, self.architecture, rows)
        arrays = arrays_in_units(estimator, samples, units, self.rules["solver"])
        return TrainingData(arrays, units, samples.encoding, rows, held_out)

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
        """
        self._hold_out()
        best = self.run(alpha)
        if alpha is None:
            return best
        for factor in (1 / FACTOR, FACTOR):
            for _ in range(N_STEPS):
                other = self.run(best.alpha * factor, best)
                gain, error = other.gain(best)
                if not gain > error:  # (they are NaN after divergence)
                    break
                best = other
            if best.alpha != alpha:
                break
        return best

    def run(self, alpha, rival=None):
        """Train on the folds with one penalty.

        Parameters
        ----------
        alpha : float or None
            Its strength.
        rival : Result, default=None
            The best result so far. If this trial is worse than it on the first fold, by
            more than the standard error, or on the first two or more folds, the other
            folds are left out.

        Returns
        -------
        result : Result
            What came out.
        """
        trained = []
        for data in self._data:
            trained.append(self._train(alpha, data))
            result = self._result(alpha, trained)
            if rival is None:
                continue
            gain, error = result.gain(rival)
            is_behind = not gain >= (-error if len(trained) == 1 else 0)
            if is_behind:
                break
        self._report(result)
        return result

    def _result(self, alpha, trained):
        states, outcomes, of_rows = zip(*trained, strict=True)
        held_out = [data.held_out for data in self._data[: len(trained)]]
        weights = [part.weight_of_rows for part in held_out]
        length = min(len(state.validation_scores) for state in states)

        def mean(curves):
            shares = [of_part.sum() for of_part in weights]
            return np.average([c[:length] for c in curves], axis=0, weights=shares)

        losses = mean([state.validation_loss_curve for state in states])
        scores = mean([state.validation_scores for state in states])
        watched = losses if self.estimator.scoring is None else -scores
        watched = np.where(np.isnan(watched), np.inf, watched)  # after divergence
        rows = None
        if all(len(of_part) >= length for of_part in of_rows):
            best = int(np.argmin(watched))
            rows = np.concatenate([of_part[best] for of_part in of_rows])
        ended = all(outcome.stopped for outcome in outcomes)
        weights = np.concatenate(weights)
        return Result(alpha, losses, scores, watched, rows, weights, ended)

    def _report(self, result):
        estimator, best = self.estimator, result.n_epochs
        if not estimator.verbose:
            return
        penalty = ""
        if result.alpha is not None:  # in the units of `alpha_`
            size = estimator._size_of_batches(self.rules, self.rules["n_samples"])
            penalty = f" with alpha={result.alpha * size:.3g}"
        print(
            f"Trial{penalty}: validation loss {result.losses[best - 1]:.6g}, "
            f"validation score {result.scores[best - 1]:.4g} after {best} epochs"
        )

    def _train(self, alpha, data):
        # the state, how it ended, and the losses of the held-out rows by epoch
        estimator, state = self.estimator, self.state.copy()
        state.alpha = alpha
        estimator._start_or_continue(self.architecture, state, data, self.given, None)
        architecture = estimator._architecture_
        state.begin_fit()
        state.add_weights(data)
        recipe = estimator._recipe(self.rules, data, state, False)
        estimator.alpha_ = recipe.alpha
        scorer = estimator._scorer(self.given.weighs_validation)
        of_rows = []
        validate = validation(
            data.held_out,
            architecture,
            state.units,
            estimator._score_raw,
            scorer,
            of_rows,
        )
        n_updates = ceil(data.n_samples / recipe.batch_size)
        patience = max(estimator.n_iter_no_change, ceil(PATIENCE / n_updates))
        state.stopping = Stopping(estimator.tol, patience, False, GROWTH)
        state.watched = "validation loss" if scorer is None else "validation score"
        with estimator._advice_on_divergence(recipe, data):
            outcome = descend(state, architecture, data, recipe, validate, Observers())
        if outcome.interrupted:
            raise Interrupted(state, outcome)
        # (if the training went back after divergence, the rows do not match the curve)
        matches = scorer is None and not state.n_restarts
        return state, outcome, of_rows if matches else []

    def rules_of_all(self, best=None):
        """Return the rules of the final training, on all samples.

        Parameters
        ----------
        best : Result, default=None
            The best result. None if there was no trial, for all epochs.

        Returns
        -------
        rules : dict
            The rules.
        """
        rules = {**self.rules, "learning_rate": Linear(hold=HOLD)}
        if best is None:
            return rules
        n, most = rules["n_samples"], rules["max_iter"]
        n_updates = most * ceil(n / self.estimator._size_of_batches(rules, n))
        is_long = most >= LONG_EPOCHS or n_updates >= LONG_UPDATES
        short = not (best.ended or is_long)
        return {**rules, "max_iter": best.n_final, "short": short}
