"""Columns whose numbers are too small or too large for the arithmetic of a training."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.base import clone

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd._data.magnitudes import extremes_of

RNG = np.random.RandomState(0)
X = RNG.randn(60, 3)
Y = X @ [1.0, 2.0, 3.0] + 1
LABELS = (Y > 1).astype(int)
MODELS = [
    (GDRegressor(random_state=0), Y),
    (GDRegressor(solver="minibatch", random_state=0), Y),
    (GDClassifier(random_state=0), LABELS),
    (MLPGDRegressor(4, max_iter=5, tol=None, random_state=0), Y),
    (MLPGDClassifier(4, max_iter=5, tol=None, random_state=0), LABELS),
]


@pytest.mark.parametrize(("model", "y"), MODELS)
@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1e-163, 1e-161])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix])
def test_columns_that_are_too_small_are_named(model, y, scale, kind):
    small = kind(X * [1, scale, 1])
    with pytest.raises(ValueError, match="Column 1 has values that differ by"):
        model.fit(small, y)
    with pytest.raises(ValueError, match="Column 1 has values that differ by"):
        model.fit(kind(np.where(X > 1, X, 0) * [1, scale, 1]), y)


def test_the_name_of_a_small_column():
    frame = pd.DataFrame(X * [1, 1e-170, 1], columns=list("abc"))
    with pytest.raises(ValueError, match="Column 'b' has values that differ by"):
        GDRegressor().fit(frame, Y)


@pytest.mark.parametrize("model", [GDRegressor(), MLPGDRegressor(4)])
def test_targets_that_are_too_small(model):
    with pytest.raises(ValueError, match="^The target y has values that differ by"):
        model.fit(X, Y * 1e-163)
    with pytest.raises(ValueError, match="^Column 1 of the target y has values that"):
        model.fit(X, np.column_stack([Y, Y * 1e-163]))


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_numbers_whose_squares_are_finite_and_not_zero(scale):
    expected = GDRegressor(random_state=0).fit(X, Y)
    model = GDRegressor(random_state=0).fit(X * scale, Y)
    assert_allclose(model.coef_ * scale, expected.coef_, rtol=1e-10)
    model = GDRegressor(random_state=0).fit(X, Y * scale)
    assert_allclose(model.coef_ / scale, expected.coef_, rtol=1e-10)


def test_constant_columns_may_be_huge():
    for kind in (np.asarray, sp.csr_array):
        more = np.column_stack([X, np.full(60, 1.7e290)])
        with np.errstate(all="raise"):
            model = GDRegressor(random_state=0).fit(kind(more), Y)
        assert_allclose(model.coef_, [*GDRegressor().fit(X, Y).coef_, 0], rtol=1e-7)


def test_constant_columns_may_be_small():
    expected = GDRegressor(random_state=0).fit(X, Y)
    more = np.column_stack([X, np.full(60, 1e-200)])
    model = GDRegressor(random_state=0).fit(more, Y)
    assert_allclose(model.coef_, [*expected.coef_, 0], rtol=1e-12)


def test_rows_without_weight_are_not_looked_at():
    column = np.zeros(60)
    column[-1] = 1e-200
    more, weights = np.column_stack([X, column]), np.ones(60)
    weights[-1] = 0
    with pytest.raises(ValueError, match="Column 3 has values that differ by 1e-200"):
        GDRegressor().fit(more, Y)
    assert GDRegressor().fit(more, Y, sample_weight=weights).coef_[3] == 0


def test_a_small_piece_of_a_stream():
    model = GDRegressor(random_state=0).partial_fit(X, Y)
    model.partial_fit(X * 1e-200, Y)
    assert np.isfinite(model.coef_).all()


@pytest.mark.parametrize(
    ("of_x", "of_y", "message"),
    [
        (1e-42, 1, "values that differ by .*too small for float32"),
        (1e-30, 1e20, "a weight is too large for float32"),
    ],
    ids=["features", "both"],
)
@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_numbers_that_float32_cannot_hold(estimator, of_x, of_y, message):
    options = (
        {} if estimator is GDRegressor else {"hidden_layer_sizes": (), "tol": None}
    )
    model = estimator(random_state=0, max_iter=5, **options)
    model.fit(X.astype(np.float32), Y)
    before = model.__dict__.copy()
    small = (X * [1, 1, of_x]).astype(np.float32)
    with pytest.raises(ValueError, match=f"Column 2 has .*{message}"):
        model.fit(small, Y * of_y)
    assert model.__dict__ == before


def test_an_intercept_that_is_too_large_for_float32():
    y = 1e38 * np.sign(X[:, 0])
    with pytest.raises(ValueError, match="The target y has values .* for float32"):
        GDRegressor(random_state=0).fit((X + 100).astype(np.float32), y)


@pytest.mark.parametrize("model", [GDRegressor(), MLPGDRegressor(4)])
def test_targets_and_columns_that_are_too_small_for_float32(model):
    # The scale became zero in float32, and numbers were divided by it.
    narrow = X.astype(np.float32)
    with pytest.raises(ValueError, match="^The target y has .* too small for float32"):
        model.fit(narrow, Y * 1e-45)
    small = (X * [1, 1e-43, 1]).astype(np.float32)
    with pytest.raises(ValueError, match="^Column 1 has .* too small for float32"):
        model.fit(small, Y * 1e-30)


@pytest.mark.parametrize("model", [GDRegressor(), MLPGDRegressor(4)])
@pytest.mark.parametrize("options", [{}, {"fit_intercept": False}], ids=str)
def test_targets_whose_sum_of_squares_is_infinite(model, options):
    # The squares are finite, but the losses in the user's units became infinite.
    model = clone(model).set_params(**options if isinstance(model, GDRegressor) else {})
    with pytest.raises(ValueError, match="^The target y has values up to .* squared"):
        model.fit(X, Y / np.abs(Y).max() * 1e154)


@pytest.mark.parametrize("loss", ["squared_error", "quantile"])
@pytest.mark.parametrize(
    ("dtype", "scale"), [("f4", 1e-35), ("f4", 1e25), ("f8", 1e-148), ("f8", 1e150)]
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_scores_do_not_depend_on_the_unit_of_the_targets(dtype, scale, loss):
    y = Y + RNG.randn(60)
    options = dict(loss=loss, early_stopping=True, max_iter=50, random_state=0)
    usual = GDRegressor(**options).fit(X, y)
    model = GDRegressor(**options).fit(X.astype(dtype), (y * scale).astype(dtype))
    data = X.astype(dtype), (y * scale).astype(dtype)
    assert_allclose(model.score(*data), usual.score(X, y), atol=1e-5)
    assert_allclose(model.validation_scores_, usual.validation_scores_, atol=1e-5)
    pair = np.column_stack([y, y * scale])
    if loss == "squared_error":
        score = GDRegressor(max_iter=50, random_state=0).fit(X, pair).score(X, pair)
        assert_allclose(score, usual.score(X, y), atol=0.1)


def test_weights_that_are_too_small_for_float32():
    # They were rounded to zero, so that all predictions were the mean.
    large = (X * [1, 1e19, 1]).astype(np.float32)
    with pytest.raises(ValueError, match="Column 1 .* too small for float32: divide"):
        GDRegressor(random_state=0).fit(large, Y * 1e-35)


def test_weights_that_cancel_are_not_too_small():
    # Weights of hat functions are added up: those of opposite signs can make zero.
    options = {"solver": "batch", "optimizer": "lion", "batch_norm": True}
    options |= {"num_embedding": "piecewise_linear", "average": "asgd", "dropout": 0.5}
    model = MLPGDRegressor(3, random_state=0, **options)
    x = np.array([-8, 8, -2, 5, -3, 1, 17, -3], dtype=np.float32)[:, np.newaxis]
    model.partial_fit(x, np.array([-15, 15, -16, 5, -14, -8, 25, -4]) / 8)
    assert (model.coefs_[0][-1] == 0).all()


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("model", [GDRegressor(), MLPGDRegressor((), max_iter=20)])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_predictions_that_are_too_large(model, kind):
    model = clone(model).fit(X, Y)
    large = kind(X / np.abs(X).max() * 1.7e308)
    for method in (model.predict, lambda X: model.score(X, Y)):
        with pytest.raises(ValueError, match=r"X has values .* row \d+ is not finite"):
            method(large)
    with pytest.raises(ValueError, match="The score is not finite, because squares of"):
        model.score(X * 1e200, Y)
    with pytest.raises(ValueError, match="The score is not finite, because squares of"):
        model.score(X, Y, sample_weight=np.full(60, 1e308))
    counts = GDRegressor(loss="poisson").fit(X, np.exp(X[:, 0]))
    with pytest.raises(ValueError, match=r"exposure has values .* row \d+ is not"):
        counts.predict(kind(X), exposure=np.full(60, 1.7e308))
    with pytest.raises(ValueError, match="the prediction for row . is not finite in"):
        counts.predict(kind(np.abs(X) * 1e6))


@pytest.mark.parametrize("model", [GDRegressor(), MLPGDRegressor(4, max_iter=3)])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_validation_data_that_are_too_large(model):
    # The validation scores and losses were NaN or infinite.
    model = clone(model).set_params(early_stopping=True, random_state=0)
    with pytest.raises(ValueError, match="In X_val, y_val .* Column 0 has values up"):
        model.fit(X, Y, X_val=X * 1e306, y_val=Y)
    with pytest.raises(ValueError, match=r"in units of .* divide it by 1e\+308\."):
        model.fit(X * 1e-5, Y, X_val=X * 1e307, y_val=Y)
    with pytest.raises(ValueError, match="held out: Column 0 has values up"):
        clone(model).set_params(standardize=False).fit(X, Y, X_val=X * 1e200, y_val=Y)
    with pytest.raises(ValueError, match="In X_val, y_val .* The target y has values"):
        model.fit(X, Y, X_val=X, y_val=Y * 1e200)
    narrow = X.astype(np.float32)
    model.fit(narrow, Y, X_val=narrow * np.float32(1e25), y_val=Y)
    assert np.isfinite(model.validation_scores_).all()
    model.set_params(scoring="r2")
    with pytest.raises(ValueError, match="scoring='r2' gave nan on the held-out data"):
        model.fit(narrow, Y, X_val=narrow, y_val=Y * 1e25)


def test_an_int_that_is_too_large_for_a_score():
    with pytest.raises(ValueError, match="y contains an int that is too large"):
        GDRegressor().fit(X, Y).score(X, [10**400, *Y[1:]])


@pytest.mark.filterwarnings("error")
def test_wrong_targets_of_a_score_in_any_unit():
    model = GDRegressor().fit(X, Y)
    for scale in (1.0, 1e30):
        with pytest.raises(ValueError, match="different number of output"):
            model.score(X, np.column_stack([Y, Y]) * scale)
        with pytest.raises(ValueError, match="Complex data not supported"):
            model.score(X, Y * scale * 1j)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_of_sparse_columns(dtype):
    rng = np.random.RandomState(0)
    dense = np.where(rng.rand(40, 9) < 0.6, rng.randn(40, 9), 0).astype(dtype)
    dense[:, 1], dense[:, 2], dense[:, 3] = 0, 5 + np.abs(dense[:, 2]), -3
    for table in (dense, dense[:1], dense[:0:-1], -dense):
        for kind in (sp.csr_array, sp.csr_matrix):
            X = kind(table)
            X.data[::7] = 0  # stored zeros
            for found, expected in zip(
                extremes_of(X), extremes_of(X.toarray()), strict=True
            ):
                assert_array_equal(found, expected)
                assert found.dtype == dtype
