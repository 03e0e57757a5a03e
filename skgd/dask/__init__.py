"""Training on Dask collections, which need not fit into memory.

This module needs Dask and its distributed scheduler, which the extra ``dask`` installs;
importing it does not.
"""

from .fitting import fit
from .streams import partial_fit

__all__ = ["fit", "partial_fit"]
