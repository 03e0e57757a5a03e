"""Generated cases: each gives the right result, or an error that names the cause.

By default, each test runs a few cases, which are the same every time. With the marker
`campaign`, `test_long.py` runs many more.
"""

import copy
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import campaign_cases as cases
import campaign_faults as faults
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp

from skgd.line_search import LineSearch
from skgd.optimizers import LBFGS

NAMES = st.sampled_from(sorted(cases.MODELS))
SEEDS = st.integers(0, 10**6)
METHODS = st.sampled_from(["fit", "fit", "partial_fit"])
ANSWERS = ("predict", "predict_proba", "predict_log_proba", "decision_function")
ANSWERS += ("transform", "score")


def train(model, method, X, y, **more):
    """Call `fit` or `partial_fit`, the latter with all classes."""
    if method == "partial_fit" and "Classifier" in type(model).__name__:
        more = {"classes": np.unique(np.asarray(y)), **more}
    return getattr(model, method)(X, y, **more)


def attempt(name, method, X, y, **more):
    model = cases.make(name)
    return cases.outcome(lambda: train(model, method, X, y, **more))


def check_options(name, method, X, y, options, patterns, **more):
    """Train with these parameters: it must go well, or an error names the cause."""

    def call():
        model = cases.make(name).set_params(**options)
        train(model, method, X, y, **more)
        return model

    model, error = cases.outcome(call)
    if error is not None:
        cases.check_error(error, patterns)
    else:
        cases.check_finite(model, X)


def check_parameter(name, method, X, y, parameter, value):
    check_options(name, method, X, y, {parameter: value}, [rf"\b{parameter}\b"])


def check_part_of_rule(name, method, X, y, parameter, given):
    rule, part, value = given
    options = {parameter: rule()}
    if isinstance(rule(), LBFGS | LineSearch):
        options["solver"], method = "batch", "fit"
    if cases.outcome(
        lambda: train(cases.make(name).set_params(**options), method, X, y)
    )[1]:
        return  # the rule is not for such targets
    options[parameter] = rule(**{part: value})
    # (steps that are too large are named by the parameter for their length)
    patterns = [rf"\b{part}\b", r"a smaller learning_rate_init"]
    check_options(name, method, X, y, options, patterns)


def check_argument(name, method, X, y, argument, value):
    options, more = {}, {argument: value}
    if "exposure" in argument:
        options["loss"], y = "poisson", np.abs(y)
        more = {"exposure": np.ones(len(y)), **more}
    if argument.endswith("_val"):
        options["early_stopping"] = True
        more = {"X_val": X, "y_val": y, **more}
    # (a start that is far away may be what diverges)
    patterns = [rf"\b{argument}\b", r"classes not in|at which training starts"]
    if argument == "sample_weight":
        patterns += faults.OF_WEIGHTS
    if argument == "intercept_init":
        patterns += [r"a smaller learning_rate_init"]
    check_options(name, method, X, y, options, patterns, **more)


@given(NAMES, METHODS, cases.tables(), st.sampled_from(sorted(cases.FORMS)), st.data())
def test_all_forms_of_a_table_give_the_same_model(name, method, table, form, data):
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    with np.errstate(over="ignore"):
        X, y = table.X.astype(dtype), cases.target_of(table, name)
    written = cases.FORMS[form](X)
    as_read = X.astype(np.float64 if form in cases.AS_FLOAT64 else dtype)
    expected, refusal = attempt(name, method, as_read, y)
    model, error = attempt(name, method, written, y)
    if refusal is not None:
        cases.check_error(error, cases.REFUSALS)
        return
    assert error is None, error
    cases.check_same(model, expected, written, as_read)
    cases.check_finite(model, written)


@given(NAMES, METHODS, cases.tables(), SEEDS, st.data())
def test_all_forms_of_targets_and_weights_give_the_same_model(
    name, method, table, seed, data
):
    forms = {"array": np.asarray, **cases.VECTOR_FORMS}
    forms_of_y = dict(forms)
    y, rng = cases.target_of(table, name), np.random.RandomState(seed)
    if cases.is_classifier_name(name):
        y = data.draw(st.sampled_from([y, y.astype(float), y > 0, y.astype(str)]))
        if y.dtype.kind != "U":  # scikit-learn refuses numbers in objects as classes
            del forms_of_y["objects"], forms_of_y["pandas objects"]
    weights = rng.randint(1, 5, len(y)) / 2
    form, form_of_y = (
        data.draw(st.sampled_from(sorted(each))) for each in (forms, forms_of_y)
    )
    given = forms_of_y[form_of_y](y), forms[form](weights)
    expected, refusal = attempt(name, method, table.X, y, sample_weight=weights)
    model, error = attempt(name, method, table.X, given[0], sample_weight=given[1])
    if refusal is not None:
        cases.check_error(error, cases.REFUSALS)
        return
    assert error is None, error
    cases.check_same(model, expected, table.X, table.X)
    cases.check_finite(model, table.X)


@given(NAMES, METHODS, cases.tables(extreme=False), st.data())
def test_all_dtypes_of_integers_give_the_same_model(name, method, table, data):
    dtype = data.draw(st.sampled_from(cases.INTEGER_DTYPES))
    of_y = data.draw(st.sampled_from(cases.INTEGER_DTYPES))
    X = np.abs(np.round(table.X * 3)).astype(dtype)
    y = np.abs(np.round(cases.target_of(table, name) * 3)).astype(of_y)
    as_read = X if dtype == np.float32 else X.astype(np.float64)
    target = y if cases.is_classifier_name(name) else y.astype(np.float64)
    expected, refusal = attempt(name, method, as_read, target)
    model, error = attempt(name, method, X, y)
    if refusal is not None:
        cases.check_error(error, cases.REFUSALS)
        return
    assert error is None, error
    cases.check_same(model, expected, X, as_read)
    cases.check_finite(model, X)


@given(NAMES, METHODS, cases.tables(), st.data())
def test_all_sparse_formats_give_the_same_model(name, method, table, data):
    y = cases.target_of(table, name)
    written = data.draw(cases.sparse_forms(table.X))
    # (blocks store zeros, which counts: whether columns are centred depends on it)
    rows = sp.csr_array(written.copy() if written.format == "bsr" else table.X)
    before = copy.deepcopy(written)
    expected, refusal = attempt(name, method, rows, y)
    model, error = attempt(name, method, written, y)
    if refusal is not None:
        cases.check_error(error, cases.REFUSALS)
        return
    assert error is None, error
    # (a prediction adds in the order in which a row stores its values)
    written = written.tocsr().sorted_indices() if written.format == "csr" else written
    cases.check_same(model, expected, written, rows)
    cases.check_finite(model, written)
    assert_array_equal(written.toarray(), before.toarray())


@given(NAMES, METHODS, cases.tables(), st.data())
def test_data_are_not_changed(name, method, table, data):
    X, y = table.X.copy(), cases.target_of(table, name).copy()
    weights = np.linspace(0.0, 1.0, len(y)) + 0.5
    before = X.copy(), y.copy(), weights.copy()
    model, _ = attempt(name, method, X, y, sample_weight=weights)
    if model is not None:
        cases.answers(model, X)
    for now, then in zip((X, y, weights), before, strict=True):
        assert_array_equal(now, then)


@given(NAMES, METHODS, cases.tables(extreme=False), SEEDS, st.data())
def test_wrong_features_are_named(name, method, table, seed, data):
    fault = data.draw(st.sampled_from(faults.FAULTS_OF_X))
    y = cases.target_of(table, name)
    X = fault.damage(table.X, np.random.RandomState(seed))
    _, error = attempt(name, method, X, y)
    assert error is not None, f"{fault.name} was accepted"
    cases.check_error(error, [*fault.patterns, r"inconsistent numbers"])


@given(NAMES, cases.tables(extreme=False), SEEDS, st.data())
def test_wrong_features_are_named_by_answers(name, table, seed, data):
    fault = data.draw(st.sampled_from(faults.FAULTS_OF_X))
    method = data.draw(st.sampled_from(ANSWERS))
    y = cases.target_of(table, name)
    model, error = attempt(name, "fit", table.X, y)
    if model is None or not hasattr(model, method) or fault.name == "rows lost":
        return
    before = pickle.dumps(model)
    X = fault.damage(table.X, np.random.RandomState(seed))
    also = (y,) if method == "score" else ()
    _, error = cases.outcome(lambda: getattr(model, method)(X, *also))
    assert error is not None, f"{fault.name} was accepted"
    cases.check_error(error, [*fault.patterns, r"features", r"inconsistent numbers"])
    assert pickle.dumps(model) == before


@given(NAMES, METHODS, cases.tables(extreme=False), SEEDS, st.data())
def test_wrong_targets_are_named(name, method, table, seed, data):
    fault = data.draw(st.sampled_from(faults.FAULTS_OF_Y))
    if cases.is_classifier_name(name) and fault.name in faults.LABELS_TOO:
        return
    y = fault.damage(cases.target_of(table, name), np.random.RandomState(seed))
    classes = {"classes": [0, 1, 2]} if cases.is_classifier_name(name) else {}
    if method == "fit":
        classes = {}
    model = cases.make(name)
    _, error = cases.outcome(lambda: getattr(model, method)(table.X, y, **classes))
    assert error is not None, f"{fault.name} was accepted"
    cases.check_error(error, fault.patterns)
    assert not hasattr(model, "n_features_in_")


@given(NAMES, METHODS, cases.tables(extreme=False), SEEDS, st.data())
def test_wrong_weights_are_named(name, method, table, seed, data):
    fault = data.draw(st.sampled_from(faults.FAULTS_OF_WEIGHTS))
    y = cases.target_of(table, name)
    _, refusal = attempt(name, method, table.X, y)
    if refusal is not None:
        return
    weights = fault.damage(np.ones(len(y)), np.random.RandomState(seed))
    _, error = attempt(name, method, table.X, y, sample_weight=weights)
    assert error is not None, f"{fault.name} was accepted"
    cases.check_error(error, fault.patterns)


@given(NAMES, METHODS, cases.tables(extreme=False), SEEDS, st.data())
def test_weights_of_all_sizes(name, method, table, seed, data):
    y = cases.target_of(table, name)
    rng = np.random.RandomState(seed)
    scale = data.draw(st.sampled_from([1.0, 1e-300, 1e-30, 1e30, 1e300, 5e-324]))
    weights = rng.uniform(0.1, 1, len(y)) * (rng.uniform(size=len(y)) < 0.7) * scale
    spread = data.draw(st.sampled_from([0, 0, 5, 100, 300]))
    weights[rng.randint(len(y))] *= 10.0**-spread
    model, error = attempt(name, method, table.X, y, sample_weight=weights)
    if error is not None:
        cases.check_error(
            error, [*cases.REFUSALS, *faults.OF_WEIGHTS, cases.NOT_FINITE]
        )
    else:
        cases.check_finite(model, table.X)


@given(NAMES, METHODS, cases.tables(extreme=False), st.data())
def test_parameters_of_all_kinds(name, method, table, data):
    names = sorted(inspect.signature(cases.MODELS[name][0]).parameters)
    parameter = data.draw(st.sampled_from(names))
    value = data.draw(st.sampled_from(cases.values_of(parameter)))
    y = cases.target_of(table, name)
    if attempt(name, method, table.X, y)[1] is None:
        check_parameter(name, method, table.X, y, parameter, value)


@given(NAMES, METHODS, cases.tables(extreme=False), st.data())
def test_parameters_of_rules(name, method, table, data):
    kind = cases.MODELS[name][0]
    parameter, rules = data.draw(st.sampled_from(sorted(cases.rules_of(kind).items())))
    rule = data.draw(st.sampled_from(rules))
    own = sorted(inspect.signature(rule).parameters)
    if not own:
        return
    part, value = (
        data.draw(st.sampled_from(own)),
        data.draw(st.sampled_from(cases.VALUES)),
    )
    y = cases.target_of(table, name)
    check_part_of_rule(name, method, table.X, y, parameter, (rule, part, value))


@given(NAMES, METHODS, cases.tables(extreme=False), st.data())
def test_arguments_of_all_kinds(name, method, table, data):
    call = getattr(cases.MODELS[name][0], method)
    given = sorted({*inspect.signature(call).parameters} - {"self", "X", "y"})
    argument, value = (
        data.draw(st.sampled_from(given)),
        data.draw(st.sampled_from(cases.VALUES)),
    )
    y = cases.target_of(table, name)
    if attempt(name, method, table.X, y)[1] is None:
        check_argument(name, method, table.X, y, argument, value)


@given(NAMES, METHODS, cases.tables(most_rows=24), SEEDS, st.data())
def test_combinations_of_parameters(name, method, table, seed, data):
    options = data.draw(cases.combinations(name))
    y = cases.target_of(table, name)
    if attempt(name, method, table.X, y)[1] is not None:
        return
    form = data.draw(st.sampled_from([np.asarray, sp.csr_array, np.float32]))
    with np.errstate(over="ignore"):
        X = form(table.X)

    def call():
        train(model, method, X, y)
        return model

    model = cases.make(name, **options)
    if not hasattr(model, method):  # no optimizer of a stream
        return
    n_calls = data.draw(st.sampled_from([1, 1, 2]))
    error = [cases.outcome(call)[1] for _ in range(n_calls)][-1]
    if error is not None:
        named = [rf"\b{parameter}\b" for parameter in options]
        cases.check_error(error, [*named, *cases.REFUSALS, *cases.OF_COMBINATIONS])
    else:
        cases.check_finite(model, X)


@given(
    st.sampled_from(sorted(cases.TABLE_MODELS)),
    cases.tables(most_rows=30),
    SEEDS,
    st.data(),
)
@settings(max_examples=max(settings.default.max_examples // 4, 1))
def test_raw_tables(name, table, seed, data):
    kind, options = cases.TABLE_MODELS[name]
    y = cases.target_of(table, name)
    no_fault = data.draw(st.booleans())
    fault = None if no_fault else data.draw(st.sampled_from(faults.FAULTS_OF_TABLES))
    X = table.X if fault is None else fault.damage(table.X, np.random.RandomState(seed))
    model = kind(**options)
    result, error = cases.outcome(lambda: model.fit(X, y))
    if error is not None:
        patterns = [] if fault is None else fault.patterns
        cases.check_error(error, [*patterns, *cases.REFUSALS, *faults.OF_TABLES])
        assert not hasattr(model, "n_features_in_")
        return
    answers, error = cases.outcome(lambda: model.predict(X))
    assert error is None, error
    assert len(answers) == len(y)
    if not cases.is_classifier_name(name):
        assert np.isfinite(answers).all()
        return
    assert np.isin(answers, np.unique(y)).all()
    P = model.predict_proba(X)
    assert (P >= 0).all()
    assert_allclose(P.sum(axis=1), 1, rtol=1e-6)


@given(st.sampled_from(sorted(cases.TABLE_MODELS)), st.data())
@settings(max_examples=max(settings.default.max_examples // 4, 1))
def test_parameters_of_raw_tables(name, data):
    kind, options = cases.TABLE_MODELS[name]
    parameter = data.draw(st.sampled_from(sorted(inspect.signature(kind).parameters)))
    value = data.draw(st.sampled_from(cases.values_of(parameter)))
    X = np.random.RandomState(0).standard_normal((24, 2))
    y = X[:, 0] > 0 if cases.is_classifier_name(name) else X[:, 0]
    model = kind(**options | {parameter: value})
    _, error = cases.outcome(lambda: model.fit(X, y))
    if error is not None:
        cases.check_error(error, [rf"\b{parameter}\b"])
    else:
        assert len(model.predict(X)) == len(y)


@pytest.mark.parametrize("seed", [0])
def test_damaged_sparse_arrays_do_not_crash(seed):
    # in another process, whose end by a signal would be seen here
    n_cases = 5 * settings.default.max_examples
    path = Path(cases.__file__).with_name("damaged_sparse.py")
    command = [sys.executable, "-X", "faulthandler", path, str(seed), str(n_cases)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, f"exit {run.returncode}\n{run.stderr[-2000:]}"
