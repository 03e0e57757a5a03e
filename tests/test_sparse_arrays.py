"""Sparse data with wrong index arrays, in other processes because they may crash."""

import subprocess
import sys
from textwrap import dedent

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse as sp

from skgd import GDRegressor

SETUP = dedent("""
    import numpy as np
    from scipy import sparse as sp
    from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
    from skgd import TabularRegressor, minimize_stochastic
    from skgd.preprocessing import TableEncoder

    rng = np.random.RandomState(0)
    dense = np.where(rng.rand(40, 5) < 0.5, rng.randn(40, 5), 0)
    y, labels = dense @ np.arange(5.0), (dense[:, 0] > 0).astype(int)
    sound = sp.csr_matrix(dense)

    def broken(format, attribute, position, value):
        X = sound.asformat(format, copy=True)
        values = getattr(X, attribute).copy()
        values[position] = value
        setattr(X, attribute, values)
        return X

    def short(attribute):
        X = sound.copy()
        setattr(X, attribute, getattr(X, attribute)[:-2].copy())
        return X

    kinds = {
        "csr, large": broken("csr", "indices", 3, 10**6),
        "csr, next": broken("csr", "indices", -1, 5),
        "csr, negative": broken("csr", "indices", 3, -1),
        "csr, decreasing": broken("csr", "indptr", 7, 90),
        "csr, end": broken("csr", "indptr", -1, 10**6),
        "csr, start": broken("csr", "indptr", 0, -3),
        "csr, short indptr": short("indptr"),
        "csr, short indices": short("indices"),
        "csr, short data": short("data"),
        "csc, large": broken("csc", "indices", 3, 10**6),
        "csc, decreasing": broken("csc", "indptr", 2, 10**6),
        "coo, row": broken("coo", "row", 3, 40),
        "coo, col": broken("coo", "col", 3, -7),
        "bsr, large": broken("bsr", "indices", 0, 10**6),
    }
    lil = sound.tolil()
    lil.rows[3][:1] = [10**6]
    kinds["lil, large"] = lil
    for name in ("rows", "data"):
        lil = sound.tolil()
        getattr(lil, name)[3] = [0] * 200
        kinds[f"lil, {name}"] = lil
    for name, value in (("offsets", [0]), ("offsets", [0, 0]), ("offsets", [0, 2**40])):
        dia = sp.dia_array((np.ones((2, 5)), [0, 1]), shape=(40, 5))
        setattr(dia, name, np.array(value))
        kinds[f"dia, {value}"] = dia
    flat = sp.dia_array((np.ones((2, 5)), [0, 1]), shape=(40, 5))
    flat.data = np.ones(2)
    kinds["dia, flat"] = flat
    floats = sound.copy()
    floats.indices = floats.indices.astype(float)
    kinds["csr, floats"] = floats

    def check(call, name):
        for kind, X in kinds.items():
            try:
                call(X)
            except ValueError as error:
                assert f"The sparse {name} (" in str(error), (kind, error)
            else:
                raise AssertionError(f"no error: {kind}")
""")

CALLS = {
    "linear": """
        for model, target in ((GDRegressor(), y), (GDClassifier(), labels)):
            check(lambda X: model.fit(X, target), "X")
            model.fit(sound, target)
            check(lambda X: model.partial_fit(X, target), "X")
            check(model.predict, "X")
            check(lambda X: model.score(X, target), "X")
        check(model.predict_proba, "X")
    """,
    "networks": """
        for model, target in ((MLPGDRegressor(4), y), (MLPGDClassifier(4), labels)):
            model.set_params(max_iter=2, tol=None)
            check(lambda X: model.fit(X, target), "X")
            check(lambda X: model.fit(sound, target, X_val=X, y_val=target), "X")
            model.fit(sound, target)
            check(lambda X: model.partial_fit(X, target), "X")
            check(model.predict, "X")
            check(model.transform, "X")
            check(lambda X: model.score(X, target), "X")
    """,
    "targets": """
        X = dense
        check(lambda y: GDClassifier().fit(X, y), "y")
        check(lambda y: GDRegressor().fit(X, y), "y")
    """,
    "tables": """
        encoder = TableEncoder()
        check(encoder.fit, "X")
        check(encoder.fit_transform, "X")
        encoder.fit(sound)
        check(encoder.transform, "X")
        model = TabularRegressor(n_members=1, hidden_layer_sizes=4, alpha=0.1)
        check(lambda X: model.fit(X, y), "X")
        model.fit(sound, y)
        check(model.predict, "X")
    """,
    "functions": """
        def loss(w, X, y):
            return np.mean((X @ w - y) ** 2)
        check(lambda X: minimize_stochastic(loss, X, y, np.zeros(5)), "X")
    """,
}


@pytest.mark.parametrize("calls", CALLS)
def test_wrong_index_arrays_are_errors(calls):
    code = SETUP + dedent(CALLS[calls])
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, f"exit {run.returncode}\n{run.stderr[-2000:]}"


@pytest.mark.parametrize("format", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
@pytest.mark.parametrize("kind", [sp.csr_array, sp.csr_matrix])
def test_sound_data_in_all_formats(format, kind):
    rng = np.random.RandomState(0)
    dense = np.where(rng.rand(30, 4) < 0.5, rng.randn(30, 4), 0)
    y, rows = dense.sum(axis=1), kind(dense)
    expected = GDRegressor(random_state=0).fit(rows, y)
    X = rows.asformat(format)
    model = GDRegressor(random_state=0).fit(X, y)
    assert_array_equal(model.coef_, expected.coef_)
    assert_array_equal(model.predict(X), expected.predict(rows))


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_array])
def test_arrays_with_room_for_more_values(kind):
    rng = np.random.RandomState(0)
    X = kind(np.where(rng.rand(30, 4) < 0.5, rng.randn(30, 4), 0))
    y, longer = X.toarray().sum(axis=1), X.copy()
    longer.data = np.append(X.data, [9.0, 9.0])
    longer.indices = np.append(X.indices, X.indices[:2])
    model, expected = (GDRegressor(random_state=0).fit(rows, y) for rows in (longer, X))
    assert_array_equal(model.predict(longer), expected.predict(X))
    assert len(longer.data) == X.nnz + 2


def test_the_message_says_what_is_wrong():
    X = sp.csr_matrix(np.eye(3))
    X.indices = np.array([0, 1, 7], dtype=np.int32)
    with pytest.raises(
        ValueError,
        match=r"The sparse X \(csr, shape \(3, 3\)\) is not valid: all indices must "
        "be from 0 to 2. They are from 0 to 7.",
    ):
        GDRegressor().fit(X, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("format", ["csr", "csc", "bsr"])
def test_lists_in_the_place_of_arrays(format):
    X = np.random.RandomState(0).standard_normal((20, 2))
    wrong = sp.csr_array(X).asformat(format)
    wrong.indices = wrong.indices.tolist()
    with pytest.raises(ValueError, match="indices must be an array, not a list"):
        GDRegressor().fit(wrong, X[:, 0])
