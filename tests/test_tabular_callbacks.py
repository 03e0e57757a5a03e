"""Callbacks of the estimators of raw tables: networks as tasks, stopping, errors."""

import pytest
from numpy.testing import assert_array_equal
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skgd import TabularClassifier, TabularRegressor

X, Y = load_iris(return_X_y=True)


class Recorder:
    """Takes note of the hooks; acts at the end of a member."""

    def __init__(self, act=lambda context: None):
        self.act, self.calls, self.given = act, [], []

    def setup(self, estimator, context):
        self.calls.append(("setup", context.task_name, 0))

    def on_fit_task_begin(self, estimator, context, *, X, y, metadata):
        self.calls.append(("begin", context.task_name, context.task_id))
        self.given.append((X, y, metadata))

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.calls.append(("end", context.task_name, context.task_id))
        return self.act(context)

    def teardown(self, estimator, context):
        self.calls.append(("teardown", context.task_name, 0))


def small(cls=TabularClassifier, **options):
    options = {"n_members": 2, "hidden_layer_sizes": 4, "alpha": 1e-3, **options}
    return cls(random_state=0, **options)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_each_network_is_a_task(n_jobs):
    recorder, plain = Recorder(), small(num_embedding=None).fit(X, Y)
    model = small(num_embedding=None, n_jobs=n_jobs).set_callbacks(recorder)
    weights = [1.0] * len(Y)
    model.fit(X, Y, sample_weight=weights)
    assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    assert recorder.calls[:2] == [("setup", "fit", 0), ("begin", "fit", 0)]
    assert recorder.calls[-2:] == [("end", "fit", 0), ("teardown", "fit", 0)]
    # two members, and two networks that are trained again on all rows
    members = [("member", k) for k in range(4)]
    for hook in ("begin", "end"):
        found = [tuple(rest) for name, *rest in recorder.calls[2:-2] if name == hook]
        assert sorted(found) == members
    for given in recorder.given:
        assert given[0] is X
        assert given[1] is Y
        assert given[2]["sample_weight"].tolist() == weights
    assert not [name for name in vars(model) if "callback_fit_ctx" in name]


def test_a_callback_ends_the_fit_with_the_networks_that_there_are():
    recorder = Recorder(lambda context: context.task_id == 2)
    X, y = load_diabetes(return_X_y=True)
    model = small(TabularRegressor, n_members=8).set_callbacks(recorder).fit(X, y)
    assert len(model.estimators_) == 3
    assert model.trees_ == [None] * 3
    assert recorder.calls.count(("end", "member", 2)) == 1
    assert ("begin", "member", 3) not in recorder.calls
    assert model.predict(X).shape == y.shape
    # the networks that are missing can follow
    model.set_params(warm_start=True).set_callbacks().fit(X, y)
    assert len(model.estimators_) == 8


def test_ctrl_c_in_a_callback_is_that_of_a_fit():
    def act(context):
        if context.task_name == "member":
            raise KeyboardInterrupt

    model = small(n_members=4).set_callbacks(Recorder(act)).fit(X, Y)
    assert len(model.estimators_) == 1


def test_an_error_in_a_callback_leaves_the_estimator_as_it_was():
    def act(context):
        if context.task_name == "member":
            raise RuntimeError("of the callback")

    recorder = Recorder(act)
    model = small().fit(X, Y).set_callbacks(recorder)
    before = vars(model).copy()
    with pytest.raises(RuntimeError, match="of the callback"):
        model.fit(X, Y)
    assert recorder.calls[-1] == ("teardown", "fit", 0)
    assert vars(model) == before


def test_nothing_to_train_is_a_task_without_members():
    recorder = Recorder()
    model = small(warm_start=True).fit(X, Y).set_callbacks(recorder)
    model.fit(X, Y)
    assert [call[:2] for call in recorder.calls] == [
        ("setup", "fit"),
        ("begin", "fit"),
        ("end", "fit"),
        ("teardown", "fit"),
    ]


def test_a_monitor_scores_the_whole_fit_within_a_search():
    monitor = ScoringMonitor(scoring="accuracy")
    model = make_pipeline(small().set_callbacks(monitor))
    search = GridSearchCV(model, {"tabularclassifier__alpha": [1e-4, 1e-2]}, cv=2)
    search.fit(X, Y)
    rows = [row for log in monitor.get_logs("all") for row in log.data]
    scores = [row["accuracy"] for row in rows if "accuracy" in row]
    assert len(scores) == 5  # two values, two folds, and the refit
    assert min(scores) > 0.85
