"""The version of the package, and what it says about saved estimators."""

import warnings

from sklearn import exceptions

VERSION = "0.1.0"


class InconsistentVersionWarning(exceptions.InconsistentVersionWarning):
    """A saved estimator is loaded by another version of skgd.

    It is a kind of scikit-learn's warning of this name, with the same attributes.
    """

    def __str__(self):
        return (
            f"This {self.estimator_name} was saved by skgd "
            f"{self.original_sklearn_version} and is loaded by skgd "
            f"{self.current_sklearn_version}. It may fail or give wrong results. Load "
            "it with the version that has saved it, or fit it again."
        )


class Versioned:
    """An estimator that is saved with the version of the package.

    If another version loads it, there is a warning. This class comes before
    `BaseEstimator`, which saves the version only of scikit-learn's own estimators.
    """

    def __getstate__(self):
        return {**super().__getstate__(), "_skgd_version": VERSION}

    def __setstate__(self, state):
        state = dict(state)
        saved = state.pop("_skgd_version", "0.1.0 or earlier, before its release")
        if saved != VERSION:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=VERSION,
                    original_sklearn_version=saved,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)
