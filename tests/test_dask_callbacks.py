"""Callbacks of scikit-learn in trainings whose rows stay in the workers."""

import dask.array as da
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_diabetes

from skgd import GDRegressor, MLPGDRegressor
from skgd.dask import fit

X, Y = load_diabetes(return_X_y=True)
ROWS = da.from_array(X, chunks=(150, 10))


class StopsAtTheSecondEpoch:
    """Takes note of the predictions after each epoch, and stops the training."""

    def __init__(self):
        self.predictions, self.lengths = [], []

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(
        self, estimator, context, *, X, y, metadata, fitted_estimator
    ):
        pass

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        if context.task_name != "epoch":
            return False
        self.lengths.append((len(X), len(y)))
        self.predictions.append(fitted_estimator.predict(ROWS[:5].compute()))
        return len(self.predictions) == 2

    def teardown(self, estimator, context):
        pass


@pytest.mark.parametrize("local_steps", [None, "epoch"])
@pytest.mark.parametrize("held_out", [False, True])
def test_a_callback_sees_each_epoch_and_stops(client, local_steps, held_out):
    callback = StopsAtTheSecondEpoch()
    model = MLPGDRegressor((4,), early_stopping=held_out, random_state=0)
    fit(model.set_callbacks(callback), ROWS, Y, client=client, local_steps=local_steps)
    assert model.n_iter_ == 2
    assert callback.lengths == [(397 if held_out else 442,) * 2] * 2
    if not held_out:
        assert_array_equal(callback.predictions[-1], model.predict(X[:5]))
    assert not np.array_equal(*callback.predictions)


def test_a_callback_that_reads_the_rows_is_refused(client):
    model = GDRegressor(random_state=0).set_callbacks(ScoringMonitor(scoring="r2"))
    with pytest.raises(TypeError, match="rows of X stay in the workers.*X_val"):
        fit(model, ROWS, Y, client=client)
    assert not hasattr(model, "coef_")
