"""Fitted estimators in notebooks: the HTML form, and the live loss curve."""

import pickle
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from helpers import data_for
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.callback import ScoringMonitor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tabular_data import DEAR, FRAME, PRICE, SMALL

from skgd import (
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
    TabularClassifier,
    TabularRegressor,
    diagnose,
)
from skgd.plotting import LiveLossCurve
from skgd.plotting.svg import MOST_POINTS, Curve, curves_svg

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
QUICK = {"optimizer": "adam", "max_iter": 30, "tol": None, "random_state": 0}
TABLE = {"trees": None, **SMALL}


class Checked(HTMLParser):
    """Collects tags and texts, and finds elements that are not closed in order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.texts, self.points = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        attributes = dict(attributes)
        assert not {"src", "href", "onclick", "onload"} & set(attributes)
        if "points" in attributes:
            pairs = [pair.split(",") for pair in attributes["points"].split()]
            self.points.append(np.array(pairs, dtype=float))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def report_of(model):
    """What the HTML form has in addition to that of scikit-learn."""
    html = model._repr_html_()
    assert "sk-container" in html
    mark = '<div class="skgd-report"'
    assert html.count(mark) == 1
    assert model._repr_mimebundle_()["text/html"].count(mark) == 1
    assert model._repr_mimebundle_()["text/plain"] == repr(model)
    return Checked(html[html.index(mark) :])


# ---------------------------------------------------------------- the report
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    "options",
    [{}, {"early_stopping": True}, {"optimizer": "lbfgs", "solver": "batch"}],
    ids=str,
)
def test_a_fitted_estimator(estimator, options):
    X, y = data_for(estimator)
    if "solver" in options and estimator in (MLPGDRegressor, MLPGDClassifier):
        options = {**options, "early_stopping": False}
    model = estimator(**{**QUICK, **options}).fit(X, y)
    found = report_of(model)
    assert found.tags.count("svg") == 1
    n_curves = 2 if model.validation_loss_curve_ else 1
    assert len(found.points) == n_curves
    assert f"{len(model.loss_curve_)} epochs" in found.text
    assert f"{model.loss_:.4g}" in found.text
    assert ("validation loss" in found.text) == (n_curves == 2)
    for finding in diagnose(model):
        assert finding.kind in found.text
        assert finding.statement in found.text
    assert not {"script", "style", "link", "iframe"} & set(found.tags)


def test_the_curve_is_that_of_the_losses():
    X, y = data_for(GDRegressor)
    model = GDRegressor(**QUICK).fit(X, y)
    model.loss_curve_[:] = [3.0, 2.0, 2.5, 1.0, *[1.5] * 26]
    (points,) = report_of(model).points
    x, y = points.T
    assert len(points) == 30
    assert np.allclose(np.diff(x), np.diff(x)[0], atol=0.11)
    height = y[3] - y[0]
    expected = y[0] + height * (3 - np.array(model.loss_curve_)) / 2
    assert np.allclose(y, expected, atol=0.06)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_without_a_fit_it_is_the_form_of_scikit_learn(estimator):
    assert "skgd-report" not in estimator()._repr_html_()
    assert "sk-container" in estimator()._repr_html_()
    assert "skgd-report" not in TabularRegressor()._repr_html_()
    X, y = data_for(estimator)
    model = make_pipeline(StandardScaler(), estimator(**QUICK)).fit(X, y)
    assert "skgd-report" not in model._repr_html_()


def test_the_configuration_of_scikit_learn():
    X, y = data_for(GDRegressor)
    model = GDRegressor(**QUICK).fit(X, y)
    with config_context(display="text"):
        assert not hasattr(model, "_repr_html_")
        assert model._repr_mimebundle_() == {"text/plain": repr(model)}


def test_streams_and_stripped_estimators():
    X, y = data_for(GDClassifier)
    stream = GDClassifier().partial_fit(X, y, classes=np.unique(y))
    found = report_of(stream)
    assert "svg" not in found.tags  # a single pass makes no curve
    assert "1 epoch:" in found.text
    assert "too short" in found.text
    model = MLPGDClassifier(**QUICK).fit(X, y)
    before = report_of(model).text
    assert report_of(model.strip()).text == before
    model.loss_curve_ = []
    assert "skgd-report" not in model._repr_html_()


class Named(BaseEstimator):
    """A loss whose printed form looks like HTML."""

    def __repr__(self, N_CHAR_MAX=0):
        return "<script>alert(1)</script>"

    def value_and_gradient(self, y_true, raw):
        return ((raw - y_true) ** 2).sum(axis=1) / 2, raw - y_true


def test_text_of_the_user_is_escaped():
    X, y = data_for(GDRegressor)
    found = report_of(GDRegressor(Named(), **QUICK).fit(X, y))
    assert "script" not in found.tags
    name = "<script>alert('&amp;')</script>"
    frame = FRAME.rename(columns={"size": name})
    found = report_of(TabularRegressor(**TABLE).fit(frame, PRICE))
    assert "script" not in found.tags
    assert name in found.texts


# ---------------------------------------------------------------- raw tables
@pytest.mark.parametrize(
    ("estimator", "y"), [(TabularRegressor, PRICE), (TabularClassifier, DEAR)]
)
def test_raw_tables(estimator, y):
    model = estimator(**SMALL).fit(FRAME, y)
    found = report_of(model)
    assert len(found.points) == len(model.estimators_)
    assert f"{len(model.estimators_)} networks" in found.text
    assert f"held-out rows {model.oob_score_:.4g}" in found.text
    assert ("boosted trees" in found.text) == (model.tree_share_ > 0)
    cells = [text for text in found.texts if text in FRAME.columns]
    assert cells == list(FRAME.columns)
    assert set(model.encoder_.kinds_) <= set(found.texts)
    assert found.tags.count("tr") == 1 + FRAME.shape[1]


def test_wide_tables_and_tables_without_names():
    X = np.random.RandomState(0).standard_normal((60, 70))
    found = report_of(TabularRegressor(**TABLE).fit(X, X[:, 0]))
    assert found.tags.count("tr") == 1 + 50 + 1
    assert "20 more columns" in found.text
    assert "column 49" in found.texts
    one = report_of(
        TabularRegressor(**{**TABLE, "n_members": 1}).fit(X[:, :1], X[:, 0])
    )
    assert "1 network;" in one.text
    assert "1 column " in one.text


def test_names_that_are_no_text():
    frame = pd.DataFrame(np.random.RandomState(0).standard_normal((60, 3)))
    found = report_of(TabularRegressor(**TABLE).fit(frame, frame[0]))
    assert "column 2" in found.texts


# ---------------------------------------------------------------- the picture
def test_a_long_curve_keeps_its_ends():
    losses = np.exp(-np.arange(5000) / 900)
    found = Checked(curves_svg([Curve(losses)], "a < b"))
    (points,) = found.points
    assert len(points) == MOST_POINTS
    assert "a < b" in found.texts
    assert "logarithmic scale" in found.texts
    # on this scale, the curve is a line
    x, y = points.T
    assert np.allclose(np.interp(x, x[[0, -1]], y[[0, -1]]), y, atol=0.2)


def test_losses_that_are_not_finite():
    found = Checked(curves_svg([Curve([3.0, np.nan, np.inf, 1.0, 2.0])], "t"))
    assert len(found.points[0]) == 3
    assert curves_svg([Curve([np.nan, 1.0])], "t") == ""
    flat = Checked(curves_svg([Curve([1.0, 1.0])], "t"))
    assert np.ptp(flat.points[0][:, 1]) == 0


def test_a_shorter_validation_curve_ends_with_the_same_epoch():
    curves = [Curve([4.0, 3.0, 2.0]), Curve([3.0, 2.0], 2, validation=True)]
    training, validation = Checked(curves_svg(curves, "t")).points
    assert np.array_equal(training[1:, 0], validation[:, 0])


# ---------------------------------------------------------------- live
@pytest.fixture
def shell():
    shell = InteractiveShell.instance()
    yield shell
    InteractiveShell.clear_instance()


def outputs_of(model, X, y):
    with capture_output() as captured:
        model.fit(X, y)
    return captured.outputs


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_live(estimator, shell):
    X, y = data_for(estimator)
    options = {"early_stopping": False} if "MLP" in estimator.__name__ else {}
    plain = estimator(**QUICK, **options).fit(X, y)
    model = estimator(**QUICK, **options).set_callbacks(LiveLossCurve(pause=0))
    outputs = outputs_of(model, X, y)
    assert len(outputs) == 1 + 30 + 1  # at first empty, at last the report
    ids = {output.transient["display_id"] for output in outputs}
    assert len(ids) == 1
    assert [output.update for output in outputs] == [False] + [True] * 31
    for n, output in enumerate(outputs[1:-1], 1):
        found = Checked(output.data["text/html"])
        assert f"epoch {n}: loss" in output.data["text/plain"]
        assert [len(points) for points in found.points] == ([n] if n > 1 else [])
    last = Checked(outputs[-1].data["text/html"])
    assert last.text == report_of(model).text
    assert model.loss_curve_ == plain.loss_curve_


def test_live_curves_are_not_drawn_more_often_than_every_pause(shell):
    X, y = data_for(GDRegressor)
    model = GDRegressor(**QUICK).set_callbacks(LiveLossCurve(pause=1000))
    outputs = outputs_of(model, X, y)
    assert len(outputs) == 2
    assert "skgd-report" in outputs[-1].data["text/html"]
    # a clone, and a second fit, have an output of their own
    again = outputs_of(clone(model), X, y)
    assert again[0].transient != outputs[0].transient


def test_live_with_networks_of_raw_tables(shell):
    model = TabularRegressor(**TABLE).set_callbacks(LiveLossCurve(pause=0))
    outputs = outputs_of(model, FRAME, PRICE)
    texts = [output.data["text/plain"] for output in outputs]
    assert len(texts) > 5
    counts = [f"networks trained: {n}" for n in range(1, len(texts) - 1)]
    assert texts == ["training", *counts, "fitted"]
    assert Checked(outputs[-1].data["text/html"]).text == report_of(model).text


def test_live_with_another_callback_and_outside_of_ipython(capsys):
    X, y = data_for(GDRegressor)
    monitor = ScoringMonitor(scoring="r2")
    model = GDRegressor(**QUICK).set_callbacks(LiveLossCurve(), monitor).fit(X, y)
    assert capsys.readouterr().out == ""
    assert len(monitor.get_logs().data) >= 30
    assert pickle.loads(pickle.dumps(model)).predict(X).shape == y.shape


def test_imports():
    code = (
        "import sys\nfrom skgd import GDRegressor\n"
        "import skgd.plotting\n"
        "model = GDRegressor().fit([[0.0], [1], [3]], [0.0, 2, 4])\n"
        "model._repr_html_()\n"
        "assert not {'IPython', 'matplotlib'} & set(sys.modules)\n"
        "sys.modules['IPython'] = None\nskgd.plotting.LiveLossCurve()\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ImportError: LiveLossCurve needs ipython" in found.stderr
    assert "checkout[notebook]" in found.stderr
