"""What kills a worker of a cluster, for the tests of Dask."""

import os
import signal


class KillsAWorker:
    """A constant learning rate; in the second epoch, it kills a worker."""

    def __init__(self, client):
        self.pids, self.n_calls = client.run(os.getpid), 0

    def __call__(self, step):
        self.n_calls += 1
        if self.n_calls == 2:
            os.kill(next(iter(self.pids.values())), signal.SIGKILL)
        return 0.1

    def __deepcopy__(self, memo):  # `clone`
        return self
