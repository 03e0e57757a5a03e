"""Encoded tables as arrays or as sparse rows, whichever networks read faster."""

import numpy as np
from numpy.testing import assert_allclose
from scipy import sparse as sp
from tabular_data import FRAME, PRICE, RNG, SMALL, N

from skgd import TabularRegressor
from skgd._members.choice import Settings
from skgd._members.network import TableRegressor
from skgd._members.table import DENSE, Table

NUMBERS = np.random.RandomState(0).standard_normal((N, 6))


def table_with(share, n_features=12):
    """A table of which about so many features are stored."""
    X = sp.random_array(
        (N, n_features),
        density=share,
        random_state=np.random.default_rng(0),
        format="csr",
    )
    is_hat = np.zeros(n_features, dtype=bool)
    return Table(X.astype(np.float32), is_hat, is_hat, np.arange(X.shape[1]), [])


def test_an_array_if_most_features_are_stored():
    table = table_with(DENSE + 0.05)
    X = table.features(False)
    assert isinstance(X, np.ndarray)
    assert X.dtype == np.float32
    assert X is table.features(False)
    assert (table.X.toarray() == X).all()
    assert X.nbytes < 1.5 * (table.X.data.nbytes + table.X.indices.nbytes)
    assert sp.issparse(table_with(DENSE - 0.05).features(False))


def test_hat_functions_and_categories_are_sparse():
    reg = TabularRegressor(**SMALL, time_limit=1e-9).fit(NUMBERS, PRICE)
    table = reg._transform(NUMBERS)
    assert isinstance(table.features(False), np.ndarray)
    assert table.features(False).shape == (N, 6)
    assert sp.issparse(table.features(True))
    levels = RNG.choice(list("abcdefgh"), (N, 3))
    reg.fit(levels, PRICE)
    assert sp.issparse(reg._transform(levels).features(False))


def test_arrays_and_sparse_rows_train_the_same_network():
    table = table_with(0.8)
    y = table.X.sum(axis=1) - 4
    setting = Settings(1e-3, (16, 8), False)[0]
    found = []
    for X in (table.features(False), table.X):
        network = TableRegressor.of(
            setting, table, N, 0, None, max_iter=3, early_stopping=False
        )
        network.fit(X, y)
        found.append((network.coefs_[0], network.predict(X)))
        raw = [network.predict(other) for other in (table.X, table.features(False))]
        assert_allclose(*raw, atol=1e-5)
    for a, b in zip(*found, strict=True):
        assert_allclose(a, b, atol=1e-5)


def test_another_share_of_the_validation_data():
    rng = np.random.RandomState(0)
    X = NUMBERS * (rng.uniform(size=NUMBERS.shape) < 0.9)
    few = NUMBERS * (rng.uniform(size=NUMBERS.shape) < 0.05)
    X, few = sp.csr_matrix(X), sp.csr_matrix(few)
    for train, val in ((X, few), (few, X)):
        reg = TabularRegressor(**SMALL).fit(train, PRICE, X_val=val, y_val=PRICE)
        forms = {type(reg._transform(Z).features(False)) for Z in (train, val)}
        assert forms == {np.ndarray, sp.csr_matrix}
        importance = reg.permutation_importance(val, PRICE, n_repeats=1)
        assert np.isfinite(importance.importances).all()
        assert np.isfinite(reg.predict(train)).all()


def test_predictions_do_not_depend_on_the_form():
    reg = TabularRegressor(**SMALL, num_embedding=None, time_limit=1e-9)
    reg.fit(FRAME[["size", "age"]], PRICE)
    table = reg._transform(FRAME[["size", "age"]])
    assert isinstance(table.features(False), np.ndarray)
    network = reg.estimators_[0]
    raw = network._raw(table.features(False))
    assert raw.dtype == np.float64
    assert_allclose(raw, network._raw(table.X), rtol=1e-12)
