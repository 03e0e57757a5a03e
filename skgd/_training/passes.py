"""One pass over the training rows: the order, the rates, and the updates."""

from dataclasses import dataclass

import numpy as np

from .._engine.epoch import shuffle, train_epoch, training_loss
from .._engine.network import Workspace
from .._engine.rounds import Rounds
from .._rules.optimizer import OptimizerKernel
from .._rules.schedule import learning_rates
from ..line_search import LineSearch
from ..penalties import penalty_value
from .state import Recipe, TrainingState


@dataclass
class Pass:
    """What the updates of one pass share."""

    workspace: Workspace
    state: TrainingState
    recipe: Recipe
    kernel: OptimizerKernel
    order: np.ndarray | None
    n_updates: int
    seed: int  # of the dropout masks
    order_seed: int | None = None  # of `order`, which parts with local steps draw

    @property
    def n_samples(self):
        """The samples of the pass."""
        return self.workspace.data.n_samples if self.order is None else len(self.order)

    @property
    def weight(self):
        """The sum of the sample weights."""
        return self.n_samples * self.state.weight_mean

    def update(self, rates):
        """Make the updates.

        Parameters
        ----------
        rates : ndarray of shape (n_updates,)
            The learning rate of each.

        Returns
        -------
        loss, reported : float
            The mean loss, in units of training and in the user's. The loss of each
            sample is measured before the update of its batch.
        """
        recipe, state = self.recipe, self.state
        options = {
            "rates": rates,
            "l1": recipe.l1,
            "l2": recipe.l2,
            "per_sample": recipe.per_sample,
            "weight_mean": state.weight_mean,
            "seed": self.seed,
            "state": state,
            "clip_norm": recipe.clip_norm,
            "shares": self.shares(),
            "signs": recipe.signs,
        }
        if isinstance(self.workspace, Rounds):
            loss, reported = self.workspace.train(
                recipe.optimizer, rows=self.order, order_seed=self.order_seed, **options
            )
        else:
            loss, reported = train_epoch(
                self.workspace, self.kernel, order=self.order, **options
            )
        state.learning_rate = float(rates[-1])
        return loss / self.weight, reported / self.weight

    def shares(self):
        """The share that the parameters after each update get in the average.

        Returns
        -------
        shares : ndarray of shape (n_updates,) or None
            None if nothing is averaged.
        """
        recipe, n = self.recipe, self.n_samples
        if recipe.average is None:
            return None
        ends = np.minimum(np.arange(1, self.n_updates + 1) * recipe.batch_size, n)
        return recipe.average(self.state.n_seen + ends, self.state.n_averaged)

    def strengths(self):
        """Strengths of the penalty in the mean loss.

        Returns
        -------
        l1, l2 : float
            Of the L1 norm and of half the squared L2 norm.
        """
        share = self.n_updates / self.weight if self.recipe.per_sample else 1.0
        return self.recipe.l1 * share, self.recipe.l2 * share

    def penalty(self):
        """The penalty at the current parameters.

        Returns
        -------
        penalty : float
            Its value.
        """
        weights = self.state.theta[: self.workspace.network.n_penalised]
        return penalty_value(weights, *self.strengths())

    def with_penalty(self, loss, reported, penalty):
        """The objective: the mean loss plus the penalty.

        Parameters
        ----------
        loss, reported : float
            The mean loss, in units of training and in the user's.
        penalty : float
            In units of training. One such unit counts as the mean of the units of the
            targets.

        Returns
        -------
        loss, reported : float
            With the penalty.
        """
        return loss + penalty, reported + self.state.unit_of_loss * penalty


def run_epoch(workspace, state, recipe, kernel, rows):
    """One pass over the training rows.

    Parameters
    ----------
    workspace : Workspace
        The memory for the data and for the network, which is bound to `state`.
    state : TrainingState
        Changed in place.
    recipe : Recipe
        The hyperparameters, as objects and numbers.
    kernel : OptimizerKernel
        Of the optimizer.
    rows : ndarray of intp or None
        The training rows; None for all.

    Returns
    -------
    loss, reported : float
        The mean loss before each update, plus the penalty at the start, in units of
        training and in the user's.
    penalty : float
        The share of the penalty in `loss`.
    """
    n = workspace.data.n_samples if rows is None else len(rows)
    n_updates = -(-n // recipe.batch_size)
    order = rows
    # Each epoch has one seed for the permutation and one for the dropout masks. If
    # there is a single batch, the order of its rows does not matter.
    seeds = state.draw(), state.draw()
    shuffled = recipe.shuffle and n_updates > 1
    if shuffled and not isinstance(workspace, Rounds):
        order = np.arange(n) if rows is None else rows.copy()
        shuffle(order, seeds[0])
    order_seed = seeds[0] if shuffled else None
    options = order, n_updates, seeds[1], order_seed
    work = Pass(workspace, state, recipe, kernel, *options)
    penalty = work.penalty()
    if isinstance(recipe.schedule, LineSearch):
        return *search_update(work, penalty), penalty
    first = state.step - recipe.first_step
    steps = np.arange(first, first + n_updates)
    rates = learning_rates(
        "learning_rate",
        recipe.schedule,
        recipe.learning_rate * state.rate_factor,
        steps,
        recipe.n_steps,
        state.n_plateaus,
    )
    return *work.with_penalty(*work.update(rates), penalty), penalty


def search_update(work, penalty):
    """Make one update with all rows, at a rate that lowers the objective enough.

    If no rate is found, the optimizer may be leading uphill. Its slots are then reset,
    so that it starts again along the gradient. If still no rate is found, the
    parameters stay as they are.

    Parameters
    ----------
    work : Pass
        A pass with a single update.
    penalty : float
        The penalty before the update.

    Returns
    -------
    loss, reported : float
        The mean loss and the penalty before the update, in units of training and in
        the user's.
    """
    state, rule = work.state, work.recipe.schedule
    rate = work.recipe.learning_rate
    if state.slot_step:
        rate = rule.grow * state.learning_rate
    else:
        state.learning_rate = rate
    start = state.snapshot()
    eps = float(np.finfo(state.theta.dtype).eps)
    before, reported = work.with_penalty(*loss_now(work), penalty)
    found = rule.search(rate, before, lambda rate: attempt(work, start, rate), eps)
    if found is None and len(state.slots) and start["slot_step"]:
        state.go_back(start)
        state.forget_slots()
        start, rate = state.snapshot(), work.recipe.learning_rate
        found = rule.search(rate, before, lambda rate: attempt(work, start, rate), eps)
    if found is None:
        state.go_back(start)
    return before, reported


def attempt(work, start, rate):
    """Make a trial update with a given learning rate.

    Parameters
    ----------
    work : Pass
        A pass with a single update.
    start : dict
        The state before the update.
    rate : float
        The learning rate.

    Returns
    -------
    after, promised : float
        The objective there, and by how much it would fall if it were linear except for
        the L1 norm.
    """
    state = work.state
    state.go_back(start)
    work.update(np.array([rate], dtype=np.float64))
    p = work.workspace.network.n_penalised
    l1, l2 = work.strengths()
    old, new = start["theta"].astype(np.float64), state.theta.astype(np.float64)
    # The slope is that of the objective itself, also if the update follows a clipped
    # gradient.
    slope = work.workspace.gradient.astype(np.float64) / work.workspace.clip_factor
    slope[:p] += l2 * old[:p]
    with np.errstate(over="ignore", invalid="ignore"):
        promised = slope @ (old - new)
        promised += l1 * (np.abs(old[:p]).sum() - np.abs(new[:p]).sum())
        return loss_now(work)[0] + work.penalty(), float(promised)


def loss_now(work):
    """The mean loss of a single batch with the dropout masks of the pass.

    Parameters
    ----------
    work : Pass
        A pass with a single update.

    Returns
    -------
    loss, reported : float
        Without a penalty, in units of training and in the user's.
    """
    running = work.state.running.copy()  # which evaluation must not change
    losses = training_loss(
        work.workspace,
        order=work.order,
        weight_mean=work.state.weight_mean,
        seed=work.seed,
        step=float(work.state.step),
    )
    work.state.running[:] = running
    return losses
