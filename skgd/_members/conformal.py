"""Quantiles of predictions, from the residuals of rows that members have not seen."""

from dataclasses import dataclass
from math import ceil, floor

import numpy as np

# Bisections of the range in which a quantile lies.
N_STEPS = 60


@dataclass
class Residuals:
    """The residuals of the held-out rows of each member.

    Parameters
    ----------
    residuals : list of ndarray of shape (n_held_out,)
        For each member, the differences of the targets and its predictions, in rising
        order.
    """

    residuals: list

    def quantile(self, predictions, level):
        """Compute a quantile of the target for each sample.

        A sample's target is compared with what each member predicts plus the residuals
        of the rows that this member has not seen (Barber et al. 2021, CV+, with signed
        residuals).

        Parameters
        ----------
        predictions : ndarray of shape (n_members, n_samples)
            What each member predicts.
        level : float
            The level of the quantile, between 0 and 1.

        Returns
        -------
        quantiles : ndarray of shape (n_samples,)
            The quantiles.
        """
        n = sum(map(len, self.residuals))
        # the new row is one of n + 1
        rank = floor(level * (n + 1)) if level < 0.5 else ceil(level * (n + 1))
        rank = min(max(rank, 1), n)
        pairs = list(zip(predictions, self.residuals, strict=True))
        low = np.min([p + r[0] for p, r in pairs], axis=0)
        high = np.max([p + r[-1] for p, r in pairs], axis=0)
        for _ in range(N_STEPS):
            middle = low + (high - low) / 2
            counts = sum(np.searchsorted(r, middle - p, side="right") for p, r in pairs)
            enough = counts >= rank
            high = np.where(enough, middle, high)
            low = np.where(enough, low, middle)
        return high
