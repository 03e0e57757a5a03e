"""What all kinds of layers share: their parameters, the kernel, and the base class."""

from ..._rules.activation cimport ActivationKernel

from abc import ABC, abstractmethod
from dataclasses import dataclass


cdef class LayerKernel:
    """The passes of a kind of layer, as the compiled network calls them."""


cdef LayerKernel layer_kernel(
    forward_f32 f32, forward_f64 f64, backward_f32 back_f32, backward_f64 back_f64,
    hyperparameters=(), activation=None,
):
    cdef LayerKernel kernel = LayerKernel()
    cdef ActivationKernel rule
    kernel.f32, kernel.f64 = f32, f64
    kernel.back_f32, kernel.back_f64 = back_f32, back_f64
    if len(hyperparameters) > MOST_HYPERPARAMETERS:
        raise ValueError("More hyperparameters than MOST_HYPERPARAMETERS in layer.pxd.")
    for k in range(len(hyperparameters)):
        kernel.h[k] = hyperparameters[k]
    if activation is not None:
        kernel.activation_kernel = rule = activation._kernel()
        kernel.activation = &rule.passes
    return kernel


@dataclass(frozen=True)
class Parameter:
    """An array of numbers that a layer learns.

    Parameters
    ----------
    name : str
        What the array is called in the views of the flat vector.
    shape : tuple of int
        Its shape.
    penalised : bool, default=False
        Whether the penalty and a decoupled weight decay act on it.
    rate : float, default=1.0
        By what the learning rate is multiplied; 1 for a penalised parameter.
    initial : float, default=0.0
        What all its numbers are at first, unless a rule draws them.
    """

    name: str
    shape: tuple
    penalised: bool = False
    rate: float = 1.0
    initial: float = 0.0


class Layer(ABC):
    """Base of the kinds of layers.

    A kind says what it learns and which memory it needs, and has two compiled passes:
    forward, and backward, which writes the gradients of its parameters.

    Parameters
    ----------
    n_in, n_out : int
        Numbers of inputs and of outputs.
    """

    # The names of the parameters, in the order in which the passes find them.
    slots = ()
    # Whether the outputs take the place of the inputs.
    in_place = False
    # Whether the derivatives by the inputs take the place of those by the outputs.
    passes_in_place = False
    # Whether the mean and the variance of a batch are needed.
    normalises = False

    def __init__(self, n_in, n_out):
        self.n_in, self.n_out = n_in, n_out

    def parameters(self):
        """Describe what the layer learns.

        Returns
        -------
        parameters : list of Parameter
            Each has one of the names in `slots`.
        """
        return []

    def constants(self):
        """Give the values of slots that the layer does not learn.

        Returns
        -------
        constants : dict of str to float or ndarray
            A number stands for an array of shape (n_out,).
        """
        return {}

    def statistics(self):
        """Say how many columns have a running mean and a running variance.

        Returns
        -------
        width : int
            0 for a layer without running statistics.
        """
        return 0

    def rooms(self, batch_size, training):
        """Describe the arrays that the passes need besides the outputs.

        Parameters
        ----------
        batch_size : int
            The most rows of a batch.
        training : bool
            Whether there will be a backward pass.

        Returns
        -------
        shapes : list of tuple of int, or None
            The shape of each array; None for one that is not needed.
        """
        return []

    @abstractmethod
    def kernel(self):
        """Give the compiled passes.

        Returns
        -------
        kernel : LayerKernel
            With the hyperparameters of the layer.
        """
