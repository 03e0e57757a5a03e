"""Streams of batches from files that are five times as large as the memory limit."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("resource")

# 200 MB of features and 40 MB for training
N_ROWS, N_COLUMNS, N_ROWS_OF_BATCH, ROOM = 250_000, 100, 2_500, 40 * 2**20

TRAIN = """
    import resource, sys
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from skgd import GDClassifier, MLPGDRegressor

    pa.set_memory_pool(pa.system_memory_pool())  # the others reserve memory in advance


    def batches(path):
        if path.endswith("parquet"):
            yield from pq.ParquetFile(path).iter_batches(2_500, use_threads=False)
        else:
            with pa.OSFile(path) as file, pa.ipc.open_stream(file) as stream:
                yield from stream


    path, room = sys.argv[1], int(sys.argv[2])
    models = GDClassifier(random_state=0), MLPGDRegressor((10,), random_state=0)
    for number, batch in enumerate(batches(path)):
        if number == 1:  # what is imported and started only once is not counted
            used = [line for line in open("/proc/self/status") if "VmSize" in line]
            limit = int(used[0].split()[1]) * 1024 + room
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            try:
                np.ones(5 * room // 8)  # the whole file
            except MemoryError:
                pass
            else:
                raise AssertionError("there is no limit")
        frame = batch.to_pandas(use_threads=False)
        y = frame.pop("y")
        models[0].partial_fit(frame, y > 0, classes=[False, True])
        models[1].partial_fit(frame, y)
    assert number == 99
    assert list(models[0].feature_names_in_) == list(frame)
    assert models[0].score(frame, y > 0) > 0.95, models[0].score(frame, y > 0)
    assert models[1].score(frame, y) > 0.9, models[1].score(frame, y)
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same table as a Parquet file and as an Arrow stream."""
    folder = tmp_path_factory.mktemp("large")
    names = [*(f"x{k}" for k in range(N_COLUMNS)), "y"]
    schema = pa.schema([(name, pa.float64()) for name in names])
    rng = np.random.default_rng(0)
    parquet, arrow = folder / "table.parquet", folder / "table.arrow"
    with (
        pq.ParquetWriter(
            parquet, schema, compression="none", use_dictionary=False
        ) as one,
        pa.ipc.new_stream(str(arrow), schema) as other,
    ):
        for _ in range(N_ROWS // N_ROWS_OF_BATCH):
            columns = list(rng.standard_normal((N_COLUMNS, N_ROWS_OF_BATCH)))
            columns.append(2 * columns[0] - columns[1])
            batch = pa.record_batch(columns, schema=schema)
            one.write_batch(batch)
            other.write_batch(batch)
    return parquet, arrow


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_file_of_five_times_the_memory_trains_in_batches(files, kind):
    (path,) = (path for path in files if path.suffix[1:] == kind)
    assert path.stat().st_size >= 5 * 0.95 * ROOM
    # One thread and one arena of malloc, because each would reserve memory of its own.
    # (OpenBLAS waits for the buffer of a second thread for ever.)
    env = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
    }
    command = [sys.executable, "-c", textwrap.dedent(TRAIN), str(path), str(ROOM)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
