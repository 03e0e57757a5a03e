"""The types that files of skops contain."""

from ..activations import ACTIVATIONS
from ..averaging import AVERAGES
from ..initializers import INITIALIZERS
from ..line_search import LineSearch
from ..linear import GDClassifier, GDRegressor
from ..losses import LOSSES
from ..mlp import MLPGDClassifier, MLPGDRegressor
from ..optimizers import LBFGS, OPTIMIZERS
from ..preprocessing import DatetimeEncoder, PiecewiseLinearEncoder, TableEncoder
from ..schedules import SCHEDULES
from ..tabular import TabularClassifier, TabularRegressor

ESTIMATORS = [
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
    TabularClassifier,
    TabularRegressor,
    DatetimeEncoder,
    PiecewiseLinearEncoder,
    TableEncoder,
]
REGISTRIES = [ACTIVATIONS, AVERAGES, INITIALIZERS, LOSSES, OPTIMIZERS, SCHEDULES]
# skops does not trust these by itself, and boosted trees of scikit-learn contain them
OF_TREES = [
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
]


def skops_trusted_types() -> list[str]:
    """Return the types that a file of skops needs for the estimators of this package.

    `skops.io.load` creates objects of trusted types only. Pass it this list to load a
    file that `skops.io.dump` has made of an estimator, or of a pipeline with one. The
    types do not run any code of the file. They are public classes of this package, and
    three types that scikit-learn's boosted trees contain, which `TabularClassifier` and
    `TabularRegressor` may use. A loss or schedule of your own has to be added.

    Returns
    -------
    types : list of str
        The full names of the types.

    Examples
    --------
    >>> import skops.io
    >>> from sklearn.datasets import load_iris
    >>> from skgd import MLPGDClassifier
    >>> from skgd.export import skops_trusted_types
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPGDClassifier(random_state=0).fit(X, y)
    >>> data = skops.io.dumps(clf)
    >>> loaded = skops.io.loads(data, trusted=skops_trusted_types())
    >>> bool((loaded.predict(X) == clf.predict(X)).all())
    True
    """
    kinds = [*ESTIMATORS, LBFGS, LineSearch]
    for registry in REGISTRIES:
        kinds += registry.values()
    own = {f"{kind.__module__}.{kind.__qualname__}" for kind in kinds}
    return sorted(own) + OF_TREES
