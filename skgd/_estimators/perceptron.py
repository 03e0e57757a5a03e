"""What the two multilayer perceptrons share: a network with hidden layers."""

import sys
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._data.features import as_rows, validate_features
from .._engine.architecture import Architecture, normalisation_map, set_views
from .._engine.network import Data
from .._engine.prediction import forward
from .._rules.activation import Activation
from .._rules.rule import Allowed, is_list, resolve_rule
from ..activations import ACTIVATIONS
from ..initializers import INITIALIZERS, Initializer
from ..schedules import Adaptive, Constant
from .base import GradientDescent
from .hidden_features import HiddenFeatures
from .lbfgs import is_lbfgs
from .num_embedding import NUM_EMBEDDING, NumEmbedding
from .parameters import FEW
from .plain_layers import PlainLayers
from .published import check_finite, for_raw_data, list_of_numbers
from .trials import Trials

# The most numbers that an array of float64 can hold: NumPy counts its bytes.
MOST_PARAMETERS = sys.maxsize // np.dtype(np.float64).itemsize
# alpha='auto' with many rows. With 10,000 to 300,000 rows, values from 0.0005 to 0.005
# were better than smaller or larger values, and better than dropout.
ALPHA_OF_MANY_ROWS = 0.0015
# The least and the most samples of a batch, and the updates of an epoch in between: in
# 200 epochs, there are 3200 updates. (`MLP*` have batches of 200.)
BATCH = 50, 200
UPDATES_OF_EPOCH = 16


class MultilayerPerceptron(HiddenFeatures, NumEmbedding, GradientDescent):
    """A network with hidden layers, which publishes `coefs_` and `intercepts_`."""

    _allowed = {
        **GradientDescent._allowed,
        "input_dropout": Allowed(Real, ge=0, lt=1),
        "input_scale": Allowed(bool),
        "num_embedding": NUM_EMBEDDING,
    }
    _penalty_per_sample = True
    _patience_beyond = 1
    _windowed_tol = False
    _kind = "network"
    _least_classes = 1
    _t_start = 0
    # Values further from the mean would saturate or dominate a unit: see `standardize`.
    _most_deviations = 5.0
    _not_converged = (
        "Stochastic Optimizer: Maximum iterations ({}) reached and the optimization "
        "hasn't converged yet."
    )

    @property
    def _rules(self):
        return {
            **super()._rules,
            "activation": (ACTIVATIONS, Activation),
            "weight_init": (INITIALIZERS, Initializer),
        }

    def _hidden(self):
        sizes = self.hidden_layer_sizes
        sizes = tuple(sizes) if is_list(sizes) else (sizes,)
        for size in sizes:
            if not isinstance(size, Integral) or isinstance(size, bool) or size <= 0:
                raise ValueError(
                    "hidden_layer_sizes must be > 0, one int for each hidden layer, "
                    f"got {self.hidden_layer_sizes!r}."
                )
        return tuple(int(size) for size in sizes)

    def _dropout_rates(self, n_hidden):
        domain = Allowed(Real, ge=0, lt=1)
        rates = self.dropout
        rates = list(rates) if is_list(rates) else [rates] * n_hidden
        if len(rates) != n_hidden or not all(rate in domain for rate in rates):
            raise ValueError(
                f"The 'dropout' parameter of {type(self).__name__} must be {domain}, "
                f"or one for each of the {n_hidden} hidden layers. Got "
                f"{self.dropout!r} instead."
            )
        return tuple(float(rate) for rate in rates)

    def _resolve_rule(self, name, registry, base):
        value = getattr(self, name)
        if name != "activation" or not isinstance(value, list | tuple):
            return super()._resolve_rule(name, registry, base)
        n_hidden = len(self._hidden())
        owner = type(self).__name__
        if len(value) != n_hidden:
            raise ValueError(
                f"The 'activation' parameter of {owner} must be one activation for all "
                f"hidden layers, or one for each of the {n_hidden} hidden layers. Got "
                f"{value!r} instead."
            )
        return tuple(resolve_rule(each, registry, base, name, owner) for each in value)

    def _resolve(self):
        rules = super()._resolve()
        self._dropout_rates(len(self._hidden()))
        return rules

    def _architecture(self, rules, samples):
        hidden, knots = self._hidden(), samples.knots
        architecture = Architecture(
            sizes=(samples.inputs.shape[1], *hidden, samples.encoding.n_outputs),
            loss=rules["loss"],
            activation=rules["activation"],
            softmax=samples.encoding.softmax,
            batch_norm=bool(self.batch_norm),
            dropout=self._dropout_rates(len(hidden)),
            input_dropout=float(self.input_dropout),
            input_scale=bool(self.input_scale),
            joined=() if knots is None else tuple(knots.joined.tolist()),
        )
        if architecture.n_params > MOST_PARAMETERS:
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} would make a network "
                f"with more than {MOST_PARAMETERS:.0e} parameters, which no array can "
                "hold."
            )
        return architecture

    def _initialise(self, architecture, views, rng):
        owner = type(self).__name__
        rule = resolve_rule(
            self.weight_init, INITIALIZERS, Initializer, "weight_init", owner
        )
        rule.fill(views["W"], views["b"], architecture.activation, rng)

    def _own_alpha(self, n_used, weight_sum, incremental):
        # The size of the batch does not matter. The second part is a prior that counts
        # as much as one row, as for linear models. It matters if there are few rows. It
        # is not stronger if the sample weights have a small sum, such as one.
        return ALPHA_OF_MANY_ROWS + 1 / max(weight_sum, n_used, FEW)

    def _own_batch_size(self, n_samples):
        least, most = BATCH
        return min(max(least, -(-n_samples // UPDATES_OF_EPOCH)), most, n_samples)

    def _n_epochs(self, rules, n_samples, n_outputs):
        return self.max_iter  # a plateau ends the training

    def _own_schedule(self, rate, optimizer, incremental):
        if incremental:  # a stream has no plateau
            return Constant()
        # At the first plateau, the rate falls to a tenth for one last phase.
        return Adaptive(factor=0.1, min_rate=rate / 2)

    def _plans(self, rules, given):
        # whether early_stopping='auto' chooses the length of the training: not with
        # X_val, which is for early stopping itself; not for a warm start, which goes on
        # from where the last fit has ended; and not if the user steers the training
        return (
            self.early_stopping == "auto"
            and given.X_val is None
            and not (given.incremental or self.warm_start)
            and self.learning_rate == "auto"
            and self.tol is not None
            and np.isfinite(self.n_iter_no_change)
            and not is_lbfgs(rules["optimizer"])
        )

    def _planned(self, rules, samples, architecture, state, given):
        if not self._plans(rules, given):
            return rules, None
        trials = Trials(self, rules, samples, architecture, state, given)
        if not trials.are_possible:
            return trials.rules_of_all(), None
        start = None
        if self.alpha == "auto" and self.penalty is not None:
            start = self._own_alpha(trials.n_used, trials.weight_sum, False)
        best = trials.choose(start)
        state.alpha = best.alpha
        return trials.rules_of_all(best), best

    def _begin(self, architecture, state, start):
        super()._begin(architecture, state, start)
        if (
            start is None
            and state.units is not None
            and state.units.targets is not None
        ):
            # A constant target is zero in units of training. With these weights, the
            # output is zero from the start, and so are all gradients of the loss.
            constant = state.units.targets.square == 0
            views = architecture.views(state.theta)
            views["W"][-1][:, constant] = 0
            views["b"][-1][constant] = 0

    # ------------------------------------------------------------ parameters
    _names = {"W": "coefs_", "b": "intercepts_", "gamma": "gammas_", "beta": "betas_"}

    def _public(self, architecture, state):
        # copies of the parameters by kind, which act on raw data
        views = architecture.views(state.published)
        views["W"], views["b"] = for_raw_data(self, architecture, views, state)
        dtype = state.theta.dtype
        return {kind: [v.astype(dtype) for v in views[kind]] for kind in self._names}

    def _publish(self, architecture, state):
        public = self._public(architecture, state)
        running = architecture.running_views(state.published_running)
        for kind, name in self._names.items():
            self.__dict__.pop(name, None)
            if public[kind]:
                setattr(self, name, public[kind])
        for name in ("running_means_", "running_vars_"):
            self.__dict__.pop(name, None)
        if architecture.batch_norm:
            self.running_means_ = [view[0].copy() for view in running]
            self.running_vars_ = [view[1].copy() for view in running]
        self.n_layers_ = len(architecture.sizes)
        self.n_outputs_ = architecture.n_outputs
        link = architecture.loss.link
        self.out_activation_ = "softmax" if architecture.softmax else link

    def _adopt_public(self, architecture, state, start):
        # If the public attributes have been changed since the last call, continue from
        # them. An average of the parameters then starts again.
        public = self._public(architecture, state)
        same = all(
            len(public[kind]) == len(arrays)
            and all(map(np.array_equal, public[kind], arrays))
            for kind, arrays in self._given(public).items()
        )
        theta, running = state.published.copy(), state.published_running.copy()
        self._collect(architecture, theta, running)
        if same and np.array_equal(running, state.published_running):
            return
        state.theta[:] = state.published if same else theta
        state.running[:] = running
        state.n_averaged = 0
        if not same:
            state.first_loss = None
            state.only_streamed = False
            views = architecture.views(state.theta)
            W, b = architecture.absorb(views["W"], views["b"], state.units)
            set_views(views, {"W": W, "b": b})
            for scale in views["scale"]:  # the weights that were set already include it
                scale[:] = 1

    def _collect(self, architecture, theta, running):
        # public attributes to flat vectors
        views = architecture.views(theta)
        set_views(views, self._given(views))
        if architecture.batch_norm:
            statistics = zip(self.running_means_, self.running_vars_, strict=True)
            for view, (mean, variance) in zip(
                architecture.running_views(running), statistics, strict=True
            ):
                view[0], view[1] = mean, variance

    def _given(self, views):
        # the public attributes by kind, which the user may have set
        return {
            kind: list_of_numbers(getattr(self, name), name)
            for kind, name in self._names.items()
            if views[kind]
        }

    def _parameters_set_by_hand(self):
        if not hasattr(self, "coefs_"):
            return None
        start = {"W": list_of_numbers(self.coefs_, "coefs_")}
        if hasattr(self, "intercepts_"):
            start["b"] = list_of_numbers(self.intercepts_, "intercepts_")
        return start

    # ------------------------------------------------------------ prediction
    def _prediction_data(self, X):
        check_is_fitted(self)
        dtype = self._state.theta.dtype
        X = validate_features(
            self, X, accept_sparse="csr", dtype=dtype, order="C", reset=False
        )
        return Data(as_rows(self._inputs(X)))

    def _raw(self, X):
        rows = self._prediction_data(X)
        architecture = self._architecture_.published()
        theta = np.empty(architecture.n_params, self._state.theta.dtype)
        running = architecture.new_running(theta.dtype)
        self._collect(architecture, theta, running)
        return check_finite(forward(architecture, theta, running, rows))

    def _plain_layers(self):
        architecture = self._architecture_.published()
        given = self._given(architecture.views(np.empty(architecture.n_params)))
        W = [np.array(weights) for weights in given["W"]]
        b = [np.array(shift) for shift in given["b"]]
        for i in range(len(given.get("gamma", []))):
            scale, shift = self._normalisation(i)
            W[i] = (W[i] * scale).astype(W[i].dtype)
            b[i] = (b[i] * scale + shift).astype(b[i].dtype)
        knots = list(getattr(self, "knots_", []))
        return PlainLayers(W, b, list(architecture.activations), knots)

    def _normalisation(self, i):
        # scale and shift of the batch normalisation of hidden layer i
        names = ("gammas_", "betas_", "running_means_", "running_vars_")
        return normalisation_map(*(getattr(self, name)[i] for name in names))

    def _hidden_outputs(self, X):
        # for each hidden layer, what `_hidden_output` returns
        rows = self._prediction_data(X)
        return [self._hidden_output(rows, i) for i in range(self.n_layers_ - 2)]

    def _hidden_output(self, rows, i):
        # of hidden layer i: the linear map, its normalised values, the activation
        linear = normalised = self._linear_map(rows, i + 1)
        if self._architecture_.batch_norm:
            scale, shift = self._normalisation(i)
            normalised = linear * scale + shift
        activated, _ = self._architecture_.activations[i].evaluate(normalised)
        return linear, normalised, activated

    def _linear_map(self, rows, n_layers):
        # the linear map of layer `n_layers`: the raw output of a shorter network
        whole, n_inner = self._architecture_.published(), n_layers - 1
        short = replace(
            whole,
            sizes=whole.sizes[: n_layers + 1],
            dropout=whole.dropout[:n_inner],
            activation=whole.activations[:n_inner],
        )
        dtype = self._state.theta.dtype
        theta, running = np.empty(short.n_params, dtype), short.new_running(dtype)
        views = short.views(theta)
        given = self._given(views)
        set_views(views, {k: values[: len(views[k])] for k, values in given.items()})
        for i, view in enumerate(short.running_views(running)):
            view[0], view[1] = self.running_means_[i], self.running_vars_[i]
        return forward(short, theta, running, rows)
