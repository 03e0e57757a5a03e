"""Parameters, targets and arrays from users that are not what they should be."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse as sp

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd.optimizers import OPTIMIZERS

RNG = np.random.RandomState(0)
X = RNG.randn(60, 3)
Y = X @ [1.0, 2.0, 3.0] + 1
LABELS = (Y > 1).astype(int)
NOT_NUMBERS = [
    "abc",
    None,
    ["a", "b", "c"],
    [1, 2, np.nan],
    np.ones(3) * 1j,
    [[1], [1, 2]],
]


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=str)
@pytest.mark.parametrize("name", ["coef_", "intercept_"])
@pytest.mark.parametrize(("estimator", "y"), [(GDRegressor, Y), (GDClassifier, LABELS)])
def test_coefficients_that_are_not_numbers(estimator, y, name, value):
    model = estimator().fit(X, y)
    setattr(model, name, value)
    match = f"^{name} must be an array of finite numbers. Got "
    with pytest.raises(ValueError, match=match):
        model.predict(X)
    with pytest.raises(ValueError, match=match):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match="_init must be an array of finite numbers"):
        estimator().fit(X, y, **{f"{name}init": value if value is not None else "no"})


def test_coefficients_of_another_shape():
    model = GDRegressor().fit(X, Y)
    model.coef_ = np.ones((2, 2))
    with pytest.raises(
        ValueError, match=r"coef_ must have the shape \(1, 3\). Got \(2, 2"
    ):
        model.predict(X)
    model.coef_, model.intercept_ = [1, 2, 3], [0, 0]
    with pytest.raises(ValueError, match=r"intercept_ must have the shape \(1,\)"):
        model.predict(X)
    model.intercept_ = 2
    assert_array_equal(model.predict(X), X @ np.array([1, 2, 3]) + 2)


def test_sparse_coefficients_with_wrong_indices():
    model = GDRegressor().fit(X, Y).sparsify()
    model.coef_.indices[0] = 7
    with pytest.raises(ValueError, match="The sparse coef_ .* is not valid"):
        model.predict(X)


@pytest.mark.parametrize(
    "value", ["abc", None, 5, [1, "a"], [np.full((3, 4), np.nan)]], ids=str
)
@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
@pytest.mark.parametrize("method", ["predict", "transform", "partial_fit"])
def test_weights_of_networks_that_are_not_numbers(method, name, value):
    model = MLPGDRegressor(4, max_iter=2, tol=None, random_state=0).fit(X, Y)
    setattr(model, name, value)
    with pytest.raises(ValueError, match=rf"^{name}(\[\d\])? must be "):
        getattr(model, method)(*((X, Y) if method == "partial_fit" else (X,)))


TEXT = pd.Series(np.where(LABELS, "a", "b"))
MISSING = {
    "NA": TEXT.where(np.arange(60) > 0, pd.NA),
    "string": TEXT.astype("string").where(np.arange(60) > 0),
    "categories": TEXT.astype("category").where(np.arange(60) > 0),
    "None": [None, *TEXT[1:]],
    "list with NaN": [np.nan, *TEXT[1:]],
    "NaN": TEXT.where(np.arange(60) > 0, np.nan).to_numpy(dtype=object),
}


@pytest.mark.parametrize("kind", MISSING)
@pytest.mark.parametrize("estimator", [GDClassifier, MLPGDClassifier])
def test_missing_classes(estimator, kind):
    match = "y contains missing values .* Leave out these rows"
    y = MISSING[kind]
    with pytest.raises(ValueError, match=match):
        estimator().fit(X, y)
    with pytest.raises(ValueError, match=match):
        estimator().partial_fit(X, y, classes=["a", "b"])
    model = estimator(early_stopping=True)
    with pytest.raises(ValueError, match=f"In X_val, y_val .*{match}"):
        model.fit(X, TEXT, X_val=X, y_val=y)


def test_missing_classes_beside_numbers():
    with pytest.raises(ValueError, match="In X_val, y_val .* contains missing values"):
        GDClassifier(early_stopping=True).fit(X, LABELS, X_val=X[:2], y_val=[None, 1])


def unaligned(values):
    # the same numbers one byte further than the type needs
    memory = np.zeros(values.nbytes + 1, np.uint8)
    moved = memory[1:].view(values.dtype).reshape(values.shape)
    moved[...] = values
    assert not moved.flags["ALIGNED"]
    return moved


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_of_arrays_that_are_not_aligned(name, dtype):
    params, grads = RNG.randn(7, 5).astype(dtype), RNG.randn(7, 5).astype(dtype)
    moved = unaligned(params)
    for one, gradient in ((params, grads), (moved, unaligned(grads))):
        optimizer = OPTIMIZERS[name]()
        for _ in range(3):
            optimizer.update(one, gradient)
    assert_array_equal(moved, params)


@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_predictions_do_not_depend_on_the_order_of_memory(estimator):
    wide = RNG.randn(200, 37)
    model = estimator(max_iter=2, tol=None, random_state=0).fit(wide, wide[:, 0])
    expected = model.predict(wide)
    double = np.repeat(np.repeat(wide, 2, axis=0), 2, axis=1)
    for same in (
        np.asfortranarray(wide),
        double[::2, ::2],
        unaligned(wide),
        pd.DataFrame(wide),
        wide.astype(wide.dtype.newbyteorder()),
    ):
        assert_array_equal(model.predict(same), expected)
    rows = sp.csr_array(wide)
    assert_array_equal(model.predict(sp.csc_array(rows)), model.predict(rows))


def test_parts_of_a_parameter_that_does_not_exist():
    # scikit-learn's error lists the parameters
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense' for estimator"):
        GDRegressor().set_params(nonsense__x=1)
