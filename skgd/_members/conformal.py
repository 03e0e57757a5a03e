"""Quantiles of targets, from the residuals of rows that members have not seen."""

from dataclasses import dataclass
from math import ceil, floor

import numpy as np

from .._rules.plain_state import stored_as_dict

# The size of the residuals is a function of the prediction, by the means of at most
# so many bins, each of so many rows or more.
N_BINS, ROWS_OF_BIN = 20, 100
# Where nearly all residuals are zero, their size is this part of the mean size.
LEAST_SIZE = 0.01


@stored_as_dict
@dataclass
class Residuals:
    """The residuals of held-out rows, as errors of the mean of all members.

    Parameters
    ----------
    predictions : ndarray of shape (n_held_out,)
        For each row, the mean of the members that have not seen it.
    residuals : ndarray of shape (n_held_out,)
        The differences of the targets and these predictions.
    shrinkage : float
        The error of the mean of all members, relative to these residuals.
    """

    predictions: np.ndarray
    residuals: np.ndarray
    shrinkage: float

    def __post_init__(self):
        n = len(self.residuals)
        n_bins = min(max(n // ROWS_OF_BIN, 1), N_BINS)
        bins = np.array_split(np.argsort(self.predictions, kind="stable"), n_bins)
        centres = np.array([self.predictions[part].mean() for part in bins])
        sizes = np.array([np.abs(self.residuals[part]).mean() for part in bins])
        # bins of equal predictions have one size
        self._centres, bin_of = np.unique(centres, return_inverse=True)
        sizes = np.bincount(bin_of, sizes) / np.bincount(bin_of)
        least = LEAST_SIZE * np.abs(self.residuals).mean()
        self._sizes = np.maximum(sizes, least) if least > 0 else np.ones(len(sizes))
        self._ratios = np.sort(self.residuals / self._size(self.predictions))

    def _size(self, predictions):
        return np.interp(predictions, self._centres, self._sizes)

    def quantile(self, predictions, level):
        """Compute a quantile of the target for each sample.

        Parameters
        ----------
        predictions : ndarray of shape (n_samples,)
            The predictions: means of all members.
        level : float
            The level of the quantile, between 0 and 1.

        Returns
        -------
        quantiles : ndarray of shape (n_samples,)
            The quantiles. They rise with the level.
        """
        n = len(self._ratios)
        # the new row is one of n + 1
        rank = floor(level * (n + 1)) if level < 0.5 else ceil(level * (n + 1))
        ratio = self._ratios[min(max(rank, 1), n) - 1]
        return predictions + self.shrinkage * self._size(predictions) * ratio


def shrinkage(residuals, counts, n_members, variance):
    """Compute by how much the mean of all members errs less than that of a few.

    The members are alike, and so the mean squared error of the mean of m members is
    a constant plus their variance divided by m.

    Parameters
    ----------
    residuals : ndarray of shape (n_held_out,)
        The residuals of the mean of some members.
    counts : ndarray of shape (n_held_out,)
        The number of these members.
    n_members : int
        The number of all members.
    variance : float
        The mean variance of the members at a row that they have not seen.

    Returns
    -------
    shrinkage : float
        The root of the ratio of both mean squared errors; at most 1.
    """
    square = np.mean(residuals**2)
    rest = np.mean(1 / counts) - 1 / n_members
    if not variance * rest > 0:
        return 1.0
    return float(np.sqrt(max(1 - variance * rest / square, 1 / n_members)))
