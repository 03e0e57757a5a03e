"""The report of a fitted estimator as HTML: loss curves, diagnosis, columns."""

from html import escape

from .._members.base import TableEstimator
from ..inspection.diagnosis import diagnose
from ..inspection.loss_name import has_penalty, loss_name
from .svg import VALIDATION, Curve, curves_svg

# A table has at most so many rows.
MOST_COLUMNS = 50


def report_html(estimator):
    """Describe a fitted estimator.

    Parameters
    ----------
    estimator : GradientDescent or TableEstimator
        The estimator.

    Returns
    -------
    html : str
        An element without scripts; empty if the estimator is not fitted.
    """
    is_table = isinstance(estimator, TableEstimator)
    parts = _of_table(estimator) if is_table else _of_training(estimator)
    if not any(parts):
        return ""
    style = "margin:0.4em 0;font-size:0.9em;line-height:1.4"
    return f'<div class="skgd-report" style="{style}">{"".join(parts)}</div>'


# ---------------------------------------------------------------- a single training
def _of_training(estimator):
    losses = getattr(estimator, "loss_curve_", None)
    if losses is None or not len(losses):
        return []
    return [training_html(estimator), _diagnosis(estimator)]


def training_html(estimator):
    """Draw the loss curves of an estimator, and describe the last epoch.

    Parameters
    ----------
    estimator : GradientDescent
        A fitted estimator.

    Returns
    -------
    html : str
        The elements.
    """
    losses = estimator.loss_curve_
    n_epochs = len(losses)
    held_out = getattr(estimator, "validation_loss_curve_", None) or []
    curves = [Curve(losses)]
    if len(held_out):
        start = 1 + max(n_epochs - len(held_out), 0)
        curves.append(Curve(held_out, start, validation=True))
    training = "loss + penalty" if has_penalty(estimator) else "loss"
    words = [f"&#8212; {training} {losses[-1]:.4g}"]
    if len(held_out):
        said = f"validation loss {held_out[-1]:.4g}"
        words.append(f'<span style="color:{VALIDATION}">- - {said}</span>')
    if getattr(estimator, "best_iter_", None):
        words.append(f"best epoch {estimator.best_iter_}")
    epochs = "1 epoch" if n_epochs == 1 else f"{n_epochs} epochs"
    name = escape(loss_name(estimator))
    caption = f"{epochs}: {', '.join(words)} ({name})"
    picture = curves_svg(curves, f"Loss curves of {type(estimator).__name__}")
    return f"{picture}<div>{caption}</div>"


def _diagnosis(estimator):
    findings = diagnose(estimator)
    if not findings:
        return "<div>diagnose: nothing conspicuous</div>"
    items = [
        f"<li><b>{escape(each.kind)}</b>: {escape(each.statement)}</li>"
        for each in findings
    ]
    return f"<div>diagnose:<ul>{''.join(items)}</ul></div>"


# ---------------------------------------------------------------- raw tables
def _of_table(estimator):
    if not hasattr(estimator, "estimators_"):
        return []
    networks = estimator.estimators_
    curves = [Curve(network.loss_curve_, faint=True) for network in networks]
    picture = curves_svg(curves, "Loss curve of each network")
    said = "1 network" if len(networks) == 1 else f"{len(networks)} networks"
    if estimator.tree_share_ > 0:
        said += f", with a share of {estimator.tree_share_:.0%} for boosted trees"
    if getattr(estimator, "oob_score_", None) is not None:
        said += f"; score of the held-out rows {estimator.oob_score_:.4g}"
    return [picture, f"<div>{said}</div>", _columns(estimator)]


def _columns(estimator):
    encoder = estimator.encoder_
    names = getattr(estimator, "feature_names_in_", None)
    n_columns = estimator.n_features_in_
    counts = [0] * n_columns
    for position in encoder.part_of_:
        counts[position] += 1
    rows = []
    for position in range(min(n_columns, MOST_COLUMNS)):
        name = f"column {position}" if names is None else str(names[position])
        cells = name, encoder.kinds_[position], str(counts[position])
        rows.append(_row("td", cells))
    if n_columns > MOST_COLUMNS:
        rows.append(_row("td", (f"{n_columns - MOST_COLUMNS} more columns", "", "")))
    head = _row("th", ("column", "contains", "features"))
    table = f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    title = "1 column" if n_columns == 1 else f"{n_columns} columns"
    return f"<details><summary>{title}</summary>{table}</details>"


def _row(kind, cells):
    return f"<tr>{''.join(f'<{kind}>{escape(cell)}</{kind}>' for cell in cells)}</tr>"
