"""A raw table, and small estimators of raw tables."""

import numpy as np
import pandas as pd

from skgd import TabularClassifier, TabularRegressor

RNG = np.random.RandomState(0)
N = 300
FRAME = pd.DataFrame(
    {
        "size": RNG.uniform(10, 90, N),
        "age": np.where(RNG.uniform(size=N) < 0.1, np.nan, RNG.uniform(0, 50, N)),
        "city": RNG.choice(["Bonn", "Ulm", "Kiel"], N),
        "sold": np.datetime64("2024-01-01") + RNG.randint(0, 99, N),
        "noise": RNG.standard_normal(N),
    }
)
PRICE = np.sin(FRAME["size"] / 10) + (FRAME["city"] == "Bonn") * 2
PRICE = 1000 * (PRICE + 0.1 * RNG.standard_normal(N)).to_numpy()
DEAR = np.where(PRICE > 1000, "dear", "cheap")
BOTH = [(TabularRegressor, PRICE), (TabularClassifier, DEAR)]
SMALL = {"n_members": 3, "hidden_layer_sizes": 16, "random_state": 0}
