"""Quality of the default models on raw tables, in comparison with other libraries.

    python benchmarks/quality.py [--data DIR] [--sets NAME ...] [--seeds 2]
                                 [--max-rows 10000] [--tested 2000] [--jobs 2]
                                 [--out FILE.md] [--cache FILE.json]
                                 [--refresh MODEL ...]

The report tells how good the plain defaults are for a table that they have not seen,
and where they lose. It is printed as Markdown and written to `--out`; progress goes to
stderr.

- Splits: for each seed, a random subset of at most `--max-rows` rows is split at random
  into four quarters (stratified for classes; those with fewer than four rows are left
  out). Each quarter in turn is the test set, and new quarters follow, until `--tested`
  rows have been tested. (The splits of a table share rows, so the standard error is
  smaller than the uncertainty for other rows.)
- Preparation: categories are one-hot encoded, and missing numbers are replaced by
  medians, both learned from the training set. Only the models with "+scaler" have a
  StandardScaler, which does not centre sparse matrices. The models with "+categories"
  get categories as their users pass them, learned from the training set, and missing
  values if they accept them. `Tabular*` get the table as it is. Targets are never
  scaled.
- Models: all have their default parameters, except that SGDClassifier uses the log
  loss, RealMLP is trained for the log loss, as its authors advise, and LightGBM,
  CatBoost and RealMLP, which take part where they are installed, are silent and use one
  thread. CatBoost is left out on tables with more than 500 columns, where a single fit
  takes minutes.
- Results: R2, or log loss, accuracy and the expected calibration error, on the test
  set, the coverage and the width of the intervals of `TabularRegressor`, and the CPU
  seconds of `fit` with one thread. "diverged" means that, for one of the splits or
  more, `fit` raised an error or a prediction was not finite.

`DIR` contains a `load.py` with ``names(task=None)`` and ``load(name) -> (X, y, info)``:
a DataFrame, an array, and a dict with 'task' ('regression' or 'classification') and
'categorical' (columns). Without `--data`, the sets that scikit-learn ships are used.
With `--cache`, the results are kept in that file, and only the models that `--refresh`
names are fitted again, and those whose results lack a field of the report.
"""

import argparse
import itertools
import json
import runpy
import sys
import time
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn.datasets
from joblib import Parallel, delayed
from quality_report import COVERAGES, EXACT, FIELDS, RAW, number, report
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss, r2_score
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

SHIPPED = dict.fromkeys(["iris", "wine", "breast_cancer", "digits"], "classification")
SHIPPED["diabetes"] = "regression"  # but not linnerud: 20 rows, three targets
MODULES = {  # kind of model -> where its class is; "+" is followed by the preparation
    "GD*": "skgd",
    "MLPGD*": "skgd",
    RAW: "skgd",
    "SGD*+scaler": "sklearn.linear_model",
    EXACT: "sklearn.linear_model",
    "MLP*+scaler": "sklearn.neural_network",
    "HistGradientBoosting*+categories": "sklearn.ensemble",
    "LGBM*+categories": "lightgbm",
    "CatBoost*+categories": "catboost",
    "RealMLP_TD_*+categories": "pytabkit",
}
KINDS = [k for k, module in MODULES.items() if find_spec(module.partition(".")[0])]
MODELS = {  # task -> kind of model -> name of the model
    task: {k: exact if k == EXACT else k.replace("*", suffix) for k in KINDS}
    for task, suffix, exact in [
        ("classification", "Classifier", "LogisticRegression+scaler"),
        ("regression", "Regressor", "Ridge+scaler"),
    ]
}
REAL_MLP = {"n_threads": 1, "device": "cpu"}
OPTIONS = {  # of the models whose names begin in this way; the first one counts
    "SGDClassifier": {"loss": "log_loss"},
    "LGBM": {"n_jobs": 1, "verbose": -1},
    "CatBoost": {"thread_count": 1, "verbose": False, "allow_writing_files": False},
    "RealMLP_TD_Classifier": {
        **REAL_MLP,
        "use_ls": False,
        "val_metric_name": "cross_entropy",
    },
    "RealMLP": REAL_MLP,
}
MOST_LEVELS = 254  # of a category that HistGradientBoosting accepts
MOST_COLUMNS = 500  # of a table on which CatBoost takes part
N_BINS = 15  # of the calibration error
DENSE_WIDTH = 1000  # as many columns or more are stored sparse, if most are zeros


# ---------------------------------------------------------------- data
def load_table(folder, name):
    """(DataFrame, target, info), from the folder or from scikit-learn."""
    if folder is not None:
        return runpy.run_path(f"{folder}/load.py")["load"](name)
    options = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(sklearn.datasets, f"load_{name}")(as_frame=True, **options)
    info = {"task": SHIPPED[name], "categorical": []}
    return bunch.data, bunch.target.to_numpy(), info


def list_sets(folder):
    """Name of the set -> its task."""
    if folder is None:
        return SHIPPED
    names = runpy.run_path(f"{folder}/load.py")["names"]
    return {name: task for task in MODELS for name in names(task=task)}


def splits(y, task, seed, max_rows, tested):
    """Pairs of the rows for training and those for the test."""
    rows, kind = np.arange(len(y)), RepeatedKFold
    if len(y) > max_rows:
        rows = np.random.default_rng(seed).choice(len(y), max_rows, replace=False)
    if task == "classification":
        kind = RepeatedStratifiedKFold
        rows = rows[np.bincount(y[rows])[y[rows]] >= 4]  # one for each quarter
    n_splits = -(-4 * tested // len(rows))
    quarters = kind(n_splits=4, n_repeats=-(-n_splits // 4), random_state=seed)
    for train, test in itertools.islice(quarters.split(rows, y[rows]), n_splits):
        yield rows[train], rows[test]


def with_categories(X_train, X_test, info, model):
    """Both as the model's users pass them: float64, and categories as such."""
    frames = {}, {}
    for j, column in enumerate(X_train.columns):
        pair = X_train[column], X_test[column]
        if column not in info["categorical"]:
            pair = [values.to_numpy(np.float64) for values in pair]
            if model.startswith("RealMLP"):  # refuses missing numbers
                median = SimpleImputer(strategy="median", keep_empty_features=True)
                median.fit(pair[0][:, np.newaxis])
                pair = [median.transform(v[:, np.newaxis])[:, 0] for v in pair]
        elif model.startswith("CatBoost"):  # refuses missing categories
            pair = [values.fillna("missing").to_numpy(object) for values in pair]
        else:  # new categories, and the rarest of many ones, are missing values
            few = MOST_LEVELS if model.startswith("HistGradient") else None
            levels = pair[0].value_counts().index[:few]
            pair = [pd.Categorical(values, levels) for values in pair]
        for frame, values in zip(frames, pair, strict=True):
            frame[f"x{j}"] = values
    return [pd.DataFrame(frame) for frame in frames]


def encode(X_train, X_test, info):
    """Both as matrices of float64."""
    categorical = list(info["categorical"])
    numeric = [column for column in X_train.columns if column not in categorical]
    medians = SimpleImputer(strategy="median", keep_empty_features=True)
    one_hot = OneHotEncoder(min_frequency=10, handle_unknown="infrequent_if_exist")
    encoder = make_column_transformer((medians, numeric), (one_hot, categorical))
    X_train = sparse.csr_matrix(encoder.fit_transform(X_train), dtype=np.float64)
    X_test = sparse.csr_matrix(encoder.transform(X_test), dtype=np.float64)
    if X_train.shape[1] < DENSE_WIDTH or X_train.nnz > 0.1 * np.prod(X_train.shape):
        X_train, X_test = X_train.toarray(), X_test.toarray()
    return X_train, X_test


# ---------------------------------------------------------------- fitting
def make_model(kind, task, seed, X_train):
    """The estimator, with its scaler if it has one."""
    name, _, preparation = MODELS[task][kind].partition("+")
    cls = getattr(import_module(MODULES[kind]), name)
    options = next((o for key, o in OPTIONS.items() if name.startswith(key)), {})
    if name.startswith("CatBoost"):
        texts = X_train.select_dtypes(exclude=np.number).columns
        options = {**options, "cat_features": list(texts)}
    scaler = StandardScaler(with_mean=not sparse.issparse(X_train))
    steps = [scaler] if preparation == "scaler" else []
    return make_pipeline(*steps, cls(random_state=seed, **options))


def calibration_error(is_right, confidence):
    """The expected calibration error of the predicted class."""
    bins = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    excess = np.bincount(bins, confidence - is_right)  # a sum over each bin
    return float(np.abs(excess).sum() / len(bins))


def scores(task, model, X_test, y_test, is_raw):
    """What a record says of the predictions."""
    predict = model.predict if task == "regression" else model.predict_proba
    prediction = np.asarray(predict(X_test))
    if not np.isfinite(prediction).all():
        raise FloatingPointError("a prediction is not finite")
    if task == "classification":
        is_right = np.ravel(model.predict(X_test)) == y_test
        return {
            "score": float(np.mean(is_right)),
            "log_loss": log_loss(y_test, prediction, labels=model.classes_),
            "calibration_error": calibration_error(is_right, prediction.max(axis=1)),
        }
    found = {"score": r2_score(y_test, prediction)}
    for percent in COVERAGES if is_raw else ():
        low, high = model[-1].predict_interval(X_test, percent / 100).T
        covered = (low <= y_test) & (y_test <= high)
        found[f"coverage_{percent}"] = float(np.mean(covered))
        found[f"width_{percent}"] = float(np.mean(high - low) / np.std(y_test))
    return found


def fit_and_score(task, kind, seed, data, targets):
    """A record: the scores, seconds, restarts; or error."""
    (X_train, X_test), (y_train, y_test) = data, targets
    record, start = {}, time.process_time()
    try:
        model = make_model(kind, task, seed, X_train)
        start = time.process_time()  # the import took some time, too
        model.fit(X_train, y_train)
        record["seconds"] = time.process_time() - start
        record["restarts"] = int(getattr(model[-1], "n_restarts_", 0))
        record.update(scores(task, model, X_test, y_test, kind == RAW))
    except Exception as error:  # whatever it is, it goes into the report
        record.setdefault("seconds", time.process_time() - start)
        record["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
    return record


def run_seed(args, set_name, task, seed, kinds):
    """Fit the models on each split: (set, seed, kind of model -> records)."""
    X, y, info = load_table(args.data, set_name)
    if task == "classification":
        y = np.unique(y, return_inverse=True)[1]
    records = {kind: [] for kind in kinds}
    for train, test in splits(y, task, seed, args.max_rows, args.tested):
        raw = X.iloc[train], X.iloc[test]
        encoded = encode(*raw, info)
        shape = [len(train) + len(test), encoded[0].shape[1]]
        for kind in kinds:
            if kind.startswith("CatBoost") and X.shape[1] > MOST_COLUMNS:
                continue
            data = raw if kind == RAW else encoded
            if kind.endswith("+categories"):
                data = with_categories(*raw, info, MODELS[task][kind])
            with threadpool_limits(1), warnings.catch_warnings(action="ignore"):
                record = fit_and_score(task, kind, seed, data, (y[train], y[test]))
            records[kind].append({**record, "shape": shape})
            outcome = record.get("error") or number(record[FIELDS[task]])
            facts = f"{outcome}, {record['seconds']:.1f} s"
            print(set_name, seed, kind, facts, file=sys.stderr, flush=True)
    return set_name, seed, records


def lacks_fields(record, task, kind):
    """Tell whether a record is from a time when the report had fewer fields."""
    wanted = {"calibration_error"} if task == "classification" else set()
    if task == "regression" and kind == RAW:
        wanted = {f"coverage_{percent}" for percent in COVERAGES}
    return "error" not in record and not wanted <= record.keys()


def run_all(args, sets):
    """Set -> kind of model -> records, one for each split; from the cache or fitted."""
    cache_file, cache = Path(args.cache or ""), {}
    if cache_file.is_file():
        cache = json.loads(cache_file.read_text())
    source = str(Path(args.data).resolve()) if args.data else "shipped"

    def key(name, seed, kind):
        model = MODELS[sets[name]][kind]
        return f"{source}|{name}|{args.max_rows}|{args.tested}|{seed}|{model}"

    def is_missing(name, seed, kind):
        again = MODELS[sets[name]][kind] in args.refresh
        records = cache.get(key(name, seed, kind))
        if again or records is None:
            return True
        return any(lacks_fields(record, sets[name], kind) for record in records)

    jobs = []
    for seed, (name, task) in itertools.product(range(args.seeds), sets.items()):
        if kinds := [kind for kind in KINDS if is_missing(name, seed, kind)]:
            jobs.append(delayed(run_seed)(args, name, task, seed, kinds))
    parallel = Parallel(n_jobs=args.jobs, return_as="generator_unordered")
    for name, seed, records in parallel(jobs):
        cache.update({key(name, seed, kind): r for kind, r in records.items()})
        if args.cache:
            unfinished = cache_file.with_suffix(".part")
            unfinished.write_text(json.dumps(cache, indent=0))
            unfinished.replace(cache_file)

    def gather(name, kind):
        return [r for seed in range(args.seeds) for r in cache[key(name, seed, kind)]]

    return {name: {kind: gather(name, kind) for kind in KINDS} for name in sets}


def main():
    """Parse the command line, fit what is missing, print the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    models = [name for names in MODELS.values() for name in names.values()]
    parser.add_argument("--data", metavar="DIR")
    parser.add_argument("--sets", nargs="+", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--max-rows", type=int, default=10_000)
    parser.add_argument("--tested", type=int, default=2000, metavar="ROWS")
    parser.add_argument("--cache", metavar="FILE.json")
    parser.add_argument("--refresh", nargs="+", default=[], choices=models)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", metavar="FILE.md")
    args = parser.parse_args()
    sets = list_sets(args.data)
    wanted = args.sets or list(sets)
    if unknown := set(wanted) - set(sets):
        parser.error(f"no such set: {', '.join(sorted(unknown))}")
    sets = {name: task for name, task in sets.items() if name in wanted}
    text = "\n".join(report(sets, run_all(args, sets), args))
    print(text)
    if args.out:
        Path(args.out).write_text(text)


if __name__ == "__main__":
    main()
