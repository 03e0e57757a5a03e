"""Packages that only a part of skgd needs, imported by this part when it is used."""

from importlib import import_module


def import_extra(caller, extra, packages, *modules):
    """Import packages that an extra of skgd installs.

    Parameters
    ----------
    caller : str
        What needs the packages, as users call it.
    extra : str
        The extra in pyproject.toml that installs the packages.
    packages : str
        The names of the packages for pip, separated by spaces.
    *modules : str
        The modules to import.

    Returns
    -------
    found : list of module
        The modules, in this order.

    Raises
    ------
    ImportError
        If one of them cannot be imported; the message says how to install it.

    Examples
    --------
    >>> from skgd._rules.extras import import_extra
    >>> import_extra("A report", "report", "paper-mill", "paper_mill")
    Traceback (most recent call last):
        ...
    ImportError: A report needs paper-mill, which cannot be imported (No module named
    'paper_mill'). Run `pip install paper-mill` or `pip install
    "path/to/checkout[report]"`.
    """
    try:
        return [import_module(name) for name in modules]
    except ImportError as error:
        needed = " and ".join(packages.split())
        raise ImportError(
            f"{caller} needs {needed}, which cannot be imported ({error}). Run "
            f'`pip install {packages}` or `pip install "path/to/checkout[{extra}]"`.'
        ) from error
