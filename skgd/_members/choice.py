"""Which setting the members have: a short walk, judged by held-out rows."""

from dataclasses import dataclass, field, replace

import numpy as np

from .._data.held_out import mean_and_error
from .network import Setting

# The penalty per sample and the rate of dropout, from weak to strong. The walk begins
# in the middle.
LEVELS = (
    (1e-5, 0.0),
    (1e-4, 0.1),
    (1e-3, 0.2),
    (4e-3, 0.3),
    (1.6e-2, 0.3),
    (6.4e-2, 0.3),
)
START = 2
# A difference of so many standard errors is rarely due to chance.
MORE_THAN_CHANCE = 2.0
# The members share so many settings, if these are not clearly worse than the best one.
N_FINALISTS = 2
# The first folds that are tried have so many held-out rows in total.
ENOUGH_ROWS = 500


@dataclass
class Tried:
    """A setting, and the members that were trained with it.

    Parameters
    ----------
    setting : Setting
        The setting.
    members : list of Member
        The members of the first folds.
    """

    setting: Setting
    members: list = field(default_factory=list)

    def gain(self, other):
        """Compare with another setting on the folds that both have.

        Parameters
        ----------
        other : Tried
            The other setting.

        Returns
        -------
        gain, error : float
            By how much the mean loss of the held-out rows is lower, and the standard
            error of this difference.
        """
        pairs = list(zip(self.members, other.members, strict=False))
        gains = np.concatenate([b.losses - a.losses for a, b in pairs])
        weights = np.concatenate([a.weights for a, _ in pairs])
        return mean_and_error(gains, weights)


def race(rivals, n_folds, train):
    """Train rivals fold by fold, and leave out those that fall behind.

    Parameters
    ----------
    rivals : list of Tried
        Settings, some of which may have members already.
    n_folds : int
        The number of folds.
    train : callable
        A function that takes settings and the number of a fold and returns a member for
        each setting, or None if the time is over.

    Returns
    -------
    best : list of Tried
        The rivals that are not clearly worse than the best one, which is the first.
    """
    best, alive = rivals[0], rivals
    for fold in range(n_folds):
        missing = [tried for tried in alive if len(tried.members) <= fold]
        found = train([tried.setting for tried in missing], fold)
        for tried, member in zip(missing, found, strict=True):
            if member is not None:
                tried.members.append(member)
        alive = [tried for tried in alive if len(tried.members) > fold]
        if not alive:  # the time is over
            break
        best = _best_of(alive)
        alive = [t for t in alive if t is best or sum(t.gain(best)) >= 0]
    return [best, *(tried for tried in alive if tried is not best)]


def _best_of(rivals):
    # A setting that can fit more, by a weaker penalty or by piecewise linear functions,
    # has to be better by more than chance, because it can fail on other rows.
    best, *others = sorted(rivals, key=lambda tried: -tried.setting.alpha)
    for tried in others:
        gain, error = tried.gain(best)
        fits_more = tried.setting.alpha < best.setting.alpha
        fits_more |= tried.setting.bends and not best.setting.bends
        if gain > (MORE_THAN_CHANCE * error if fits_more else 0):
            best = tried
    return best


def choose(settings, n_folds, train):
    """Walk from setting to setting as long as the held-out loss falls.

    Parameters
    ----------
    settings : Settings
        The settings that are allowed.
    n_folds : int
        The number of folds on which settings are compared.
    train : callable
        As `race` takes it.

    Returns
    -------
    finalists : list of Tried
        The best setting, and another one if it is not clearly worse.
    """
    tried = {}

    def walk(positions):
        rivals = [p for p in positions if p in settings]
        for p in rivals:
            tried.setdefault(p, Tried(settings[p]))
        best, *_ = race([tried[p] for p in rivals], n_folds, train)
        return next(p for p in rivals if tried[p] is best)

    here = settings.start
    best = walk([here, here - 1, here + 1])
    while best != here:
        here, ahead = best, 2 * best - here
        best = walk([here, ahead])
    best = tried[best]
    rivals = [t for t in tried.values() if t is not best and len(t.members) >= n_folds]
    if settings.varies_bends:
        other = replace(best.setting, bends=not best.setting.bends)
        rivals.append(Tried(other))
    best, *others = race([best, *rivals], n_folds, train)
    others.sort(key=lambda tried: -tried.gain(best)[0])
    return [best, *others[: N_FINALISTS - 1]]


class Settings:
    """The settings from which one is chosen, in the order of their penalty.

    Parameters
    ----------
    alpha : float or 'auto'
        The penalty per sample; 'auto' for several.
    hidden : tuple of int
        The number of units in each hidden layer.
    bends : bool or 'auto'
        Whether the first layer is piecewise linear. With 'auto', the walk is without,
        and the best setting is then tried with it, too.
    """

    def __init__(self, alpha, hidden, bends):
        levels = LEVELS
        self.start = START
        if alpha != "auto":
            stronger = [dropout for level, dropout in LEVELS if level <= alpha]
            levels, self.start = ((alpha, max(stronger, default=0.0)),), 0
        self.varies_bends = bends == "auto"
        self._found = [Setting(*level, bends is True, hidden) for level in levels]

    def __contains__(self, position):
        return 0 <= position < len(self._found)

    def __getitem__(self, position):
        return self._found[position]
