"""What the two estimators of raw tables share: fit and raw predictions."""

from __future__ import annotations

import time
from abc import abstractmethod
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from .._data.features import check_weights
from .._data.samples import of_validation
from .._data.splits import AllowedSplits, check_groups
from .._estimators.notebook import ShownInNotebooks
from .._rules.numbers import PlainNumbers
from .._rules.plain_state import PlainState
from .._rules.rule import RANDOM_STATE, Allowed, check_parameters, is_list
from .._rules.version import Versioned
from .._training.observers import (
    CallbackSupportMixin,
    FitTask,
    has_callbacks,
    with_callbacks,
)
from ..preprocessing import TableEncoder
from ..preprocessing.table import as_table
from .choice import Settings
from .ensemble import FEW_ROWS, Job, cross_fit, refit
from .importance import shuffle_columns
from .reports import Reports
from .table import Table, divisions
from .trees import Pair, best_share, can_grow, grow, grow_again, mix
from .twin import pairs_of_unseen

# Two hidden layers, if nothing else is asked for.
HIDDEN, HIDDEN_OF_FEW_ROWS = (128, 128), (64, 64)


class TableEstimator(
    CallbackSupportMixin,
    PlainNumbers,
    Versioned,
    PlainState,
    ShownInNotebooks,
    BaseEstimator,
):
    """Base of `TabularClassifier` and `TabularRegressor`."""

    _allowed = {
        "n_members": Allowed(Integral, ge=1),
        "num_embedding": Allowed(options=("auto", "piecewise_linear", None)),
        "alpha": Allowed(Real, ge=0, options=("auto",)),
        "trees": Allowed(options=("auto", None)),
        "cv": AllowedSplits(Integral, ge=2, options=(None,)),
        "time_limit": Allowed(Real, gt=0, options=(None,)),
        "n_jobs": Allowed(Integral, options=(None,)),
        "warm_start": Allowed(bool),
        "verbose": Allowed(bool, Integral, ge=0),
        "random_state": RANDOM_STATE,
    }

    @abstractmethod
    def _encode_targets(self, y, weights, n_samples):
        """Return targets for the networks, and weights; set the encoding."""

    def _measure_members(self, job, members, seeds):
        """Learn more from new members, after everything else of a fit."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        tags.non_deterministic = self.time_limit is not None
        return tags

    # ------------------------------------------------------------ fitting
    def _fit(self, X, y, sample_weight, held_out):
        start = time.monotonic()
        check_parameters(self, self._allowed)
        before = self.__dict__.copy()
        try:
            return self._fit_in_time(X, y, sample_weight, held_out, start)
        except BaseException:
            self.__dict__ = before  # at once, so that a second interrupt does no harm
            raise

    @property
    def _goes_on(self):
        # whether `fit` adds networks to those that there are
        return self.warm_start and hasattr(self, "estimators_")

    @with_callbacks
    def _fit_in_time(self, X, y, sample_weight, held_out, start):
        rng = check_random_state(self.random_state)
        goes_on = self._goes_on
        n_new = self.n_members - (len(self.estimators_) if goes_on else 0)
        if n_new < 0:
            raise ValueError(
                f"n_members={self.n_members} must not be smaller than the number of "
                f"members that a warm start keeps, which is {len(self.estimators_)}."
            )
        table = self._encode_table(X, goes_on)
        given = X, y, _weights(sample_weight, table.X)
        y, weights = self._encode_targets(*given[1:], table.X.shape[0])
        job = self._job(table, y, weights, self._held_out(held_out), start)
        if goes_on:
            self._check_same_rows(job)
        job.reports = self._reports(*given)
        if n_new > 0:
            self._add_members(job, n_new, rng, held_out, sample_weight)
        job.reports.end_all()
        return self

    def _add_members(self, job, n_new, rng, held_out, sample_weight):
        seeds = rng.randint(2**31 - 1, size=n_new).tolist()
        parts = self._divide(job, held_out.groups, n_new, rng)
        settings = self.settings_ if self._goes_on else self._settings(job.table)
        members, chosen = cross_fit(job, settings, parts, seeds)
        own = held_out.X_val is not None
        given = held_out.sample_weight_val if own else sample_weight
        pairs = self._with_trees(job, members, seeds)
        self._publish(job, members, pairs, seeds, _weights(given, job.held_table.X))
        self.settings_ = chosen

    def _reports(self, X, y, weights):
        task = None
        if has_callbacks(self):
            task = FitTask(self, X, y, weights, "fit", None)
        return Reports(self.verbose, task)

    def _check_same_rows(self, job):
        # the held-out predictions of all members are put together
        y, name = (job.y, "X") if job.held_out is None else (job.held_out[1], "X_val")
        had_own = self._held[0][0] is None
        if len(y) != self._n_held or had_own != (job.held_out is not None):
            raise ValueError(
                "A warm start adds networks for the same data. Rows are held out from "
                f"{name} with {len(y)} rows now, and in the previous call from "
                f"{'X_val' if had_own else 'X'} with {self._n_held} rows."
            )

    def _divide(self, job, groups, n_new, rng):
        groups = check_groups(groups, len(job.y))
        if job.held_out is not None:
            return [None] * n_new
        return divisions(
            self.cv,
            job,
            groups,
            n_new,
            classes=self._strata(job.y),
            rng=rng,
        )

    def _encode_table(self, X, goes_on):
        if goes_on:
            encoded = self._transform(X).X
        else:
            X = as_table(X)
            validate_data(self, X, skip_check_array=True)
            n_knots = None if self.num_embedding is None else "auto"
            encoder = TableEncoder(self.categorical_features, n_knots=n_knots)
            encoded = encoder.fit_transform(X)
            self.encoder_ = encoder
        if encoded.shape[0] < 2:
            raise ValueError(
                f"Found array with {encoded.shape[0]} sample(s) while a minimum of 2 "
                "is required."
            )
        if not encoded.shape[1]:
            raise ValueError(
                "X has no column that can be used: each column has a single value."
            )
        return Table.of(self.encoder_, encoded)

    def _check_given(self, y):
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )

    def _held_out(self, held_out):
        X, y, weights, groups, _ = held_out
        if X is None and y is None and weights is None:
            return None
        for name, value in (("X_val", X), ("y_val", y)):
            if value is None:
                raise ValueError(f"X_val and y_val belong together. {name} is missing.")
        for name, value in (("cv", self.cv), ("groups", groups)):
            if value is not None:
                raise ValueError(
                    f"X_val takes the place of {name}. Leave out one of them."
                )
        table = self._transform(X)
        with of_validation():
            y, weights = self._encode_more(y, _weights(weights, table.X), "y_val")
        return table, y, weights

    def _job(self, table, y, weights, held_out, start):
        limit = np.inf if self.time_limit is None else self.time_limit
        return Job(
            table,
            y,
            weights,
            held_out,
            self._networks,
            {"loss": self.loss},
            self._prior(y, weights),
            self.n_jobs,
            start + limit,
            self._fitted_loss,
            self._encoding.n_outputs,
        )

    def _settings(self, table):
        hidden = self.hidden_layer_sizes
        if isinstance(hidden, str):
            if hidden != "auto":
                raise ValueError(
                    "The 'hidden_layer_sizes' parameter must be 'auto', an int or a "
                    f"sequence of int. Got {hidden!r} instead."
                )
            hidden = HIDDEN if table.X.shape[0] >= FEW_ROWS else HIDDEN_OF_FEW_ROWS
        hidden = tuple(hidden) if is_list(hidden) else (hidden,)
        bends = "auto" if self.num_embedding == "auto" else bool(self.num_embedding)
        if not table.is_bend.any():
            bends = False
        return Settings(self.alpha, hidden, bends)

    def _with_trees(self, job, members, seeds):
        # the networks of the members, each with trees if trees help
        wanted = self.trees is not None and can_grow(job)
        n_iterations = self._n_iterations() if self._goes_on else None
        trees = grow(job, members, seeds, n_iterations) if wanted else None
        networks = [member.network for member in members]
        return list(map(Pair, networks, trees or [None] * len(members)))

    def _n_iterations(self):
        # of the trees; 0 if there are none
        return max((trees.max_iter for trees in self.trees_ if trees), default=0)

    def _held_raws(self):
        # the raw predictions of each member for its held-out rows
        return [
            mix(raw, tree_raw, self.tree_share_)
            for (_, raw, _), tree_raw in zip(self._held, self._tree_raws, strict=True)
        ]

    def _pairs_of_unseen(self, job, members, seeds):
        # (the seed is that of no member, most likely)
        seed, n_iterations = seeds[0] ^ 1, self._n_iterations()
        return pairs_of_unseen(job, members, seed, n_iterations, self.tree_share_)

    def _publish(self, job, members, pairs, seeds, score_weights):
        final = pairs
        if job.held_out is None and len(job.y) < FEW_ROWS:
            final = refit(job, members, seeds)
            final = list(map(Pair, final, grow_again(job, pairs, seeds, len(final))))
        held = [(member.rows, member.raw, member.weights) for member in members]
        tree_raws = [member.tree_raw for member in members]
        if self._goes_on:
            pairs, held = self._cross_fitted + pairs, self._held + held
            final, tree_raws = self._final + final, self._tree_raws + tree_raws
        self.estimators_ = [pair.network for pair in final]
        self.trees_ = [pair.trees and pair.trees.model for pair in final]
        # what has not seen some of the rows, and its raw predictions for them
        self._final, self._cross_fitted = final, pairs
        self._held, self._tree_raws = held, tree_raws
        y = job.y if job.held_out is None else job.held_out[1]
        everything = np.arange(len(y))
        rows = [everything if rows is None else rows for rows, _, _ in held]
        targets = [y[part] for part in rows]
        self.tree_share_ = best_share(pairs[0].network, targets, held, tree_raws)
        weights = [weights for _, _, weights in held]
        seen = map(np.concatenate, (rows, self._held_raws(), weights))
        self._publish_held_out(y, *seen, score_weights)
        self._n_held = len(y)
        self._measure_members(job, members, seeds)

    def permutation_importance(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        n_repeats: int = 5,
        random_state: int | np.random.RandomState | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Bunch:
        """Tell how much each column of the table matters.

        Each network predicts the rows that it has not seen, with one column shuffled
        among them. The importance of the column is by how much the mean loss rises.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            The table that was passed to `fit`; the `X_val` of `fit`, if there was one.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Its targets.
        n_repeats : int, default=5
            How often each column is shuffled.
        random_state : int, RandomState instance or None, default=None
            The seed of the shuffling.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, by which their losses are averaged.

        Returns
        -------
        result : Bunch
            As `sklearn.inspection.permutation_importance` returns it: `importances`
            of shape (n_features, n_repeats), in the columns of X, `importances_mean`
            and `importances_std`. The loss is the log loss of a classifier, or the loss
            of a regressor for targets of standard deviation 1.

        Raises
        ------
        ValueError
            If X does not have as many rows as the held-out data of `fit`, if
            `sample_weight` is wrong, or if `n_repeats` is no int of at least 1.
        """
        check_is_fitted(self, "estimators_")
        if n_repeats not in (allowed := Allowed(Integral, ge=1)):
            raise ValueError(f"n_repeats must be {allowed}. Got {n_repeats!r}.")
        table = self._transform(X)
        y, _ = self._encode_more(y, None, "y")
        n = self._n_held
        if len(y) != n or table.X.shape[0] != n:
            raise ValueError(
                f"X and y must be the {n} rows from which rows were held out in `fit`. "
                f"Got {table.X.shape[0]} rows of X and {len(y)} of y."
            )
        rows = [np.arange(n) if rows is None else rows for rows, _, _ in self._held]
        part_of = self.encoder_.part_of_
        return shuffle_columns(
            list(zip(self._cross_fitted, rows, strict=True)),
            self.tree_share_,
            table,
            y,
            [part_of == j for j in range(self.n_features_in_)],
            n_repeats=n_repeats,
            rng=check_random_state(random_state),
            weights=_weights(sample_weight, table.X),
        )

    # ------------------------------------------------------------ prediction
    def _transform(self, X):
        # a table of the same columns; messages about them name this estimator
        X = as_table(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        return Table.of(self.encoder_, self.encoder_._encode(X))

    def _predictions(self, X):
        # what each member predicts, in the user's units, with two dimensions
        check_is_fitted(self, "estimators_")
        table = self._transform(X)
        share = self.tree_share_
        return [self._link(pair.raw(table, share)) for pair in self._final]


def _weights(sample_weight, X):
    weights = check_weights(sample_weight, X)
    return None if weights is None else weights.astype(np.float64)
