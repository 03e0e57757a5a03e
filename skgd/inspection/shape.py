"""Progress, noise, trend and waves of a training curve."""

import numpy as np
from scipy.special import betainccinv

# Thresholds are shares of the progress of a curve: neither the scale nor the zero of
# a loss matters. tests/test_inspection.py has the error rates.
MIN_EPOCHS = 10
SLOW = 0.02  # in the last tenth; an exponential decay has 4 % of its way left then
LATE = 0.15  # in the second half of all steps, by their rates: as slow as SLOW
BEGUN = 0.4  # of the whole way, in the second half: the fall is nearly linear
SETTLED = 0.03  # in the last tenth, with twice its standard error
RISE = 0.1  # of a curve above its least, for divergence and overfitting
SWING = 0.02  # from crest to trough, for an oscillation
NOISY = 0.05  # standard deviation of an epoch
JUMP = 12  # deviations of the last epoch, half as many of the last two, ...
GROWN = 1000  # the last loss by the first: divergence, however few epochs
WORSE = 0.05  # of a validation loss above its least, relative to the latter
CHANCE = 1e-4  # of white noise to pass for an oscillation


def _correlation(rest):
    # of successive epochs, if positive
    return max(0.0, rest[1:] @ rest[:-1] / max(rest @ rest, np.finfo(float).tiny))


def noise_of(differences, n_terms):
    """Robust standard deviation of the noise in a curve.

    Parameters
    ----------
    differences : ndarray
        Of the curve, of first or second order.
    n_terms : int
        The sum of the squared coefficients of such a difference: 2 or 6.

    Returns
    -------
    noise : float
        From the median, so that a bend or a jump does not count.
    """
    if not len(differences):
        return 0.0
    return 1.4826 * float(np.median(np.abs(differences))) / np.sqrt(n_terms)


class Shape:
    """Progress, noise, recent trend and running means of a curve.

    Parameters
    ----------
    curve : ndarray of shape (n_epochs,)
        At least `MIN_EPOCHS` finite numbers. They are divided by their scale first, so
        that no square overflows; `low` and `last` are as they were.
    rates : ndarray of shape (n_epochs,), default=None
        The learning rate of each epoch. None if it is not known or constant.
    is_loss : bool, default=False
        Whether zero is the least possible value, so that ratios have a meaning.
    """

    def __init__(self, curve, rates=None, is_loss=False):
        n = len(curve)
        self.low, self.last = curve.min(), curve[-1]
        self.scale = float(np.abs(curve).max()) or 1.0
        curve = curve / self.scale
        self.curve = curve
        self.span = float(np.ptp(curve))
        self.progress = max(float(np.ptp(curve[n // 20 :])), 0.01 * self.span)
        self.noise = noise_of(np.diff(curve, 2), 6)
        k = min(max(3, n // 10), 10)
        self.means = np.convolve(curve, np.full(k, 1 / k), mode="valid")
        self.least = int(self.means.argmin())
        self.rise = float(self.means[-1] - self.means[self.least])
        tail = curve[-max(MIN_EPOCHS, n // 4) :]
        t = np.arange(len(tail)) - (len(tail) - 1) / 2
        slope = (t @ tail) / (t @ t)
        rest = tail - tail.mean() - slope * t
        # correlated epochs say less
        r = min(_correlation(rest), 0.8)
        deviation = np.sqrt(rest @ rest / (len(tail) - 2) * (1 + r) / (1 - r))
        # the fall in a tenth of the epochs, and its standard error
        self.gain = -slope * n / 10
        self.error = deviation / np.sqrt(t @ t) * n / 10
        enough = self.gain >= SLOW * self.progress
        self.falls = enough and self.gain > 4 * self.error
        # a steep bend is no noise: second differences, of which correlated epochs
        # make a third or a quarter, bound it
        error = min(deviation, 12 * self.noise) / np.sqrt(k)
        self.clear = max(RISE * self.progress, SWING * self.span)
        if is_loss and self.low > 0:
            worse = max(WORSE * self.low / self.scale, 0.1 * SLOW * self.progress)
            self.clear = min(self.clear, worse)
        fall = self._late_fall(rates, k)
        self.late = fall / max(self.progress, 0.1 * self.span, np.finfo(float).tiny)
        self.has_hardly_begun = fall > BEGUN * self.span > 0
        self.is_slow = self.falls or self.late > LATE
        self.rises = self.rise > max(self.clear, 6 * error)

    def _late_fall(self, rates, k):
        # The fall in the second half of the training, where the sum of the rates counts
        # instead of the epochs: a curve is flat at the end of a schedule, even if it is
        # far from the optimum. Zero if it is noise.
        n = len(self.curve)
        steps = np.ones(n) if rates is None or not sum(rates) > 0 else rates
        half = int(np.searchsorted(np.cumsum(steps), np.sum(steps) / 2))
        half = self.curve[max(0, half - k // 2) : half + k // 2 + 1].mean()
        fall = float(half - self.curve[-k:].mean())
        return fall if fall > 4 * self.noise * np.sqrt(2 / k) else 0.0

    def jumps(self):
        """Whether the last one, two or three epochs are far above the earlier ones.

        Returns
        -------
        jumps : bool
            False if as many earlier epochs are as high: these are spikes.
        """
        for n_last in (1, 2, 3):
            before = self.curve[-max(MIN_EPOCHS, len(self.curve) // 2) : -n_last]
            lowest, level = self.curve[-n_last:].min(), np.median(before)
            noise = max(self.noise, 1.4826 * np.median(np.abs(before - level)))
            far = lowest - level > max(self.clear, JUMP / n_last * noise)
            if far and np.sum(before >= lowest) < n_last:
                return True
        return False

    def waves(self):
        """Find waves in the last third.

        Returns
        -------
        real : bool
            Whether they are more than chance, and larger than the progress.
        height, period, share : float
            From crest to trough; in epochs; of the variance.
        """
        tail = self.curve[-max(24, len(self.curve) // 3) :]
        t = np.linspace(-1, 1, len(tail))
        trend = np.polynomial.Polynomial.fit(t, tail, 2)(t)
        rest = tail - trend
        # A wandering curve has power at low frequencies, but no waves.
        white = rest[1:] - _correlation(rest) * rest[:-1]
        power = np.abs(np.fft.rfft(white)[1:]) ** 2
        power /= max(power.sum(), np.finfo(float).tiny)
        # A wave between two frequencies shows in both; fewer than four waves are no
        # more than a bend. The share of three of M frequencies of white noise is a
        # beta variable.
        shares = np.convolve(power, np.ones(3), mode="same")[3:]
        best = int(shares.argmax())
        peak = best + 2 + int(power[best + 2 : best + 5].argmax())
        # every other epoch high: the deviation is half the height, as of no sine
        alternates = peak + 1 == len(white) // 2
        period = 2.0 if alternates else len(white) / (peak + 1)
        height = float((2 if alternates else 2 * np.sqrt(2)) * rest.std())
        limit = betainccinv(3, len(power) - 3, CHANCE / len(power))
        regular = len(self.curve) >= 24 and shares[best] > max(limit, 0.4)
        real = regular and height > max(SWING * self.span, abs(trend[-1] - trend[0]))
        return real, self.scale * height, period, float(shares[best])
