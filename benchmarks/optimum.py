"""How near the default linear models get to their optimum, and how fast.

    python benchmarks/optimum.py [--data DIR] [--sets NAME ...] [--rounds 5]
                                 [--no-made] [--out FILE.md]

Each row compares `GDRegressor()` with `Ridge()`, or `GDClassifier()` with
`LogisticRegression()`, the latter two behind a StandardScaler. All have their default
parameters, fit all rows of a table, and use one thread. The models take turns, and the
shortest CPU time of `fit` counts (of at least one round and at most `--rounds`, within
ten seconds).

"above the optimum" is the distance of the objective from its minimum, in percent of the
minimum. Each model has its own objective: the columns are scaled differently. The
minimum is that of an L-BFGS run with a small tolerance. `Ridge()` solves its equations
exactly.

The tables are those of `benchmarks/quality.py`, encoded in the same way, and four that
are made here:

- tall: 2,000,000 x 30, dense float32, two classes
- text: 20,000 x 14,000, sparse, like TF-IDF, two classes
- wide: 500 x 2,000, dense, a regression and two classes
- correlated: 200,000 x 300, dense, twenty factors and noise, a regression and two
  classes

The last table compares one pass of `solver='sgd'` over tall with `SGDClassifier`. The
log loss is that on the training rows, as each of them is seen only once.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from quality import encode, list_sets, load_table
from quality_report import table
from scipy import sparse
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from skgd import GDClassifier, GDRegressor

SECONDS = 10  # no new round begins after so many
EXACT = dict(solver="batch", optimizer="lbfgs", tol=1e-8, max_iter=5000)


# ---------------------------------------------------------------- data
def made_tall(rng):
    X = rng.standard_normal((2_000_000, 30), dtype=np.float32)
    X *= rng.lognormal(size=30).astype(np.float32)
    z = (X / X.std(axis=0)) @ rng.normal(scale=1 / 3, size=30)
    yield "tall", X, (rng.random(len(z)) < expit(z)).astype(int)


def made_text(rng):
    n, p, n_topics = 20_000, 14_000, 10
    words = rng.lognormal(sigma=0.7, size=(n_topics, p)) / np.arange(1, p + 1)
    words = np.cumsum(words / words.sum(axis=1, keepdims=True), axis=1)
    topics, lengths = rng.integers(0, n_topics, n), rng.integers(20, 200, n)
    found = [
        np.unique(np.minimum(np.searchsorted(words[t], rng.random(k)), p - 1))
        for t, k in zip(topics, lengths, strict=True)
    ]
    indptr = np.r_[0, np.cumsum([len(row) for row in found])]
    indices = np.concatenate(found)
    X = sparse.csr_array((np.ones(len(indices)), indices, indptr), shape=(n, p))
    frequency = np.bincount(indices, minlength=p)
    X.data *= (np.log((1 + n) / (1 + frequency)) + 1)[indices]
    norms = np.sqrt(X.multiply(X).sum(axis=1))
    X.data /= np.repeat(norms, np.diff(indptr))
    noise = rng.random(n) < 0.1
    yield "text", sparse.csr_matrix(X), ((topics < n_topics // 2) ^ noise).astype(int)


def with_both_targets(name, X, weights, rng):
    z = X @ weights
    y = z + rng.normal(scale=z.std(), size=len(z))
    yield name, X, y
    yield f"{name}, two classes", X, (y > 0).astype(int)


def made_wide(rng):
    weights = rng.standard_normal(2000) * (rng.random(2000) < 0.02)
    yield from with_both_targets("wide", rng.standard_normal((500, 2000)), weights, rng)


def made_correlated(rng):
    factors = rng.standard_normal((200_000, 20)) @ rng.standard_normal((20, 300))
    X = factors + 0.3 * rng.standard_normal(factors.shape)
    yield from with_both_targets("correlated", X, rng.standard_normal(300), rng)


MADE = made_tall, made_text, made_wide, made_correlated


def tables(args):
    """Name, features, and target of each table; a target of floats is a regression."""
    for name, task in list_sets(args.data).items():
        if args.sets and name not in args.sets:
            continue
        X, y, info = load_table(args.data, name)
        X, _ = encode(X, X.iloc[:1], info)
        regression = task == "regression"
        yield (
            name,
            X,
            y.astype(float) if regression else LabelEncoder().fit_transform(y),
        )
    for make in (
        () if args.no_made else (made_tall, made_text, made_wide, made_correlated)
    ):
        for name, X, y in make(np.random.default_rng(0)):
            if not args.sets or name.partition(",")[0] in args.sets:
                yield name, X, y


# ---------------------------------------------------------------- measurements
def objective(model, X, y):
    """The objective of a fitted linear model of skgd at its coefficients."""
    coef = np.atleast_2d(model.coef_).astype(float)
    if isinstance(model, GDRegressor):
        loss, unit = ((y - model.predict(X)) ** 2).mean() / 2, y.std()
    else:
        loss, unit = log_loss(y, model.predict_proba(X)), 1
    # The penalty acts on the coefficients of standardised columns and targets, whose
    # scales are not public.
    units = model._state.units
    scaled = coef if units is None else coef * units.scale / unit
    return loss + unit**2 * 0.5 / len(y) * np.sum(scaled**2)


def above_optimum(model, X, y):
    """Distance of the objective from its minimum, in percent."""
    exact = type(model)(**{**model.get_params(), **EXACT}).fit(X, y)
    least = objective(exact, X, y)
    return 100 * (objective(model, X, y) / least - 1)


def peer_above_optimum(peer, X, y):
    """The same for LogisticRegression, whose objective is ours on scaled data."""
    if isinstance(peer[-1], Ridge):
        return 0.0
    X = peer[0].transform(X)
    ours = GDClassifier(standardize=False, **EXACT).fit(X, y)
    least = objective(ours, X, y)
    ours.coef_, ours.intercept_ = peer[-1].coef_, peer[-1].intercept_
    return 100 * (objective(ours, X, y) / least - 1)


def cpu_seconds(model, X, y):
    start = time.process_time()
    model.fit(X, y)
    return time.process_time() - start


def in_turns(models, X, y, rounds):
    """The shortest time of each fitted model."""
    seconds, start = [], time.process_time()
    for _ in range(rounds):
        seconds.append([cpu_seconds(model, X, y) for model in models])
        if time.process_time() - start > SECONDS:
            break
    return np.min(seconds, axis=0)


def row_of(name, X, y, rounds):
    """Cells of the table, and the ratio of the times."""
    regression = y.dtype.kind == "f"
    ours = GDRegressor(random_state=0) if regression else GDClassifier(random_state=0)
    scaler = StandardScaler(with_mean=not sparse.issparse(X))
    peer = make_pipeline(scaler, Ridge() if regression else LogisticRegression())
    mine, theirs = in_turns((ours, peer), X, y, rounds)
    distances = above_optimum(ours, X, y), peer_above_optimum(peer, X, y)
    size = f"{X.shape[0]:,} x {X.shape[1]:,}"
    kind = "regression" if regression else f"{y.max() + 1} classes"
    cells = [f"{mine:.4f}", f"{theirs:.4f}", f"{mine / theirs:.2f}"]
    cells += [f"{distance:.4f}" for distance in distances]
    return [name, size, kind, *cells, f"{ours.n_iter_}"], mine / theirs, distances[0]


def one_pass(rounds):
    """Lines of the table of one pass of single samples over tall."""
    ((_, X, y),) = made_tall(np.random.default_rng(0))
    ours = GDClassifier(solver="sgd", max_iter=1, tol=None, random_state=0)
    sgd = SGDClassifier(loss="log_loss", max_iter=1, tol=None, random_state=0)
    models = ours, make_pipeline(StandardScaler(), sgd)
    seconds = in_turns(models, X, y, rounds)
    losses = [log_loss(y, model.predict_proba(X)) for model in models]
    names = "`GDClassifier(solver='sgd')`", "`SGDClassifier`, scaled"
    rows = zip(names, seconds, losses, strict=True)
    body = [[name, f"{time:.2f}", f"{loss:.5f}"] for name, time, loss in rows]
    return table(["one pass over tall", "fit, s", "log loss"], body)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with load.py; else shipped sets")
    parser.add_argument("--sets", nargs="+", help="only these")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-made", action="store_true", help="only real tables")
    parser.add_argument("--out", type=Path, help="Markdown file for the report")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    header = ["table", "rows x columns", "target", "ours, s", "theirs, s", "ratio"]
    header += ["ours above the optimum, %", "theirs, %", "our epochs"]
    rows, ratios, distances = [], [], []
    with threadpool_limits(1):
        for name, X, y in tables(args):
            cells, ratio, distance = row_of(name, X, y, args.rounds)
            print(*cells, sep=" | ", flush=True)
            rows.append(cells)
            ratios.append(ratio)
            distances.append(distance)
        mean = np.exp(np.mean(np.log(ratios)))
        lines = [
            *table(header, rows),
            f"The geometric mean of the ratios is {mean:.2f}, the largest "
            f"{max(ratios):.2f}. The largest distance of ours is "
            f"{max(distances):.3f}%.\n",
        ]
        if not args.no_made and (not args.sets or "tall" in args.sets):
            lines += one_pass(args.rounds)
    report = "\n".join(lines)
    print(report)
    if args.out:
        args.out.write_text(report)


if __name__ == "__main__":
    main()
