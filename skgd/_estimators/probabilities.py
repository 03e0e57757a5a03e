"""Logarithms of probabilities, which are finite where the probabilities are zero."""

import numpy as np
from scipy.special import log_expit, log_softmax


def log_probabilities(encoding, Z):
    """Compute the logarithms of probabilities by the log loss.

    Parameters
    ----------
    encoding : ClassEncoding
        The encoding of the classes.
    Z : ndarray of shape (n_samples, n_outputs)
        Outputs of the network.

    Returns
    -------
    L : ndarray of shape (n_samples, n_classes)
        The logarithms in the order of the classes.
    """
    if encoding.softmax:
        return log_softmax(Z, axis=1)
    return log_expit(Z if encoding.multilabel else np.hstack([-Z, Z]))
