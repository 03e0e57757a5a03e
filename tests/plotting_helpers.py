"""What the tests of the displays share: data, a network, and how to find artists."""

from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from skgd import MLPGDClassifier

X, y = load_iris(return_X_y=True)
X = scale(X)


def labels(legend):
    return [text.get_text() for text in legend.get_texts()]


def line_named(ax, name):
    (line,) = [line for line in ax.lines if line.get_label() == name]
    return line


def stopped_early(**options):
    options = {"max_iter": 30, "tol": None, "random_state": 0, **options}
    return MLPGDClassifier((8,), early_stopping=True, **options).fit(X, y)
