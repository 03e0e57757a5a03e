"""Fitted estimators in files: private classes are stored as dicts.

Pickles and files of skops then name only public classes. They do not depend on where
the private classes are, and a user of skops need not trust any of them.
"""

# The key of the name of a class in its dict, and the key of its state.
CLASS, STATE = "class of skgd", "state"
_classes = {}


def stored_as_dict(cls):
    """Register a private class, whose instances are stored as dicts.

    Parameters
    ----------
    cls : type
        The class. Its name must be unique, since it is a part of the files.

    Returns
    -------
    cls : type
        The same class.

    Raises
    ------
    ValueError
        If another class has this name.
    """
    if cls.__name__ in _classes:
        raise ValueError(f"There are two classes with the name {cls.__name__}.")
    _classes[cls.__name__] = cls
    return cls


class PlainState:
    """An estimator whose stored state contains no instance of a private class."""

    def __getstate__(self):
        return _plain(super().__getstate__(), {})

    def __setstate__(self, state):
        super().__setstate__(_restored(state, {}))


def _plain(value, memo):
    # an object that two attributes share has one dict
    kind = type(value)
    if kind in (list, tuple, dict):
        return _converted(value, _plain, memo)
    if _classes.get(kind.__name__) is not kind:
        return value
    if id(value) not in memo:
        memo[id(value)] = {CLASS: kind.__name__}
        memo[id(value)][STATE] = _plain(value.__getstate__(), memo)
    return memo[id(value)]


def _restored(value, memo):
    kind = type(value)
    if kind is dict and set(value) == {CLASS, STATE}:
        if id(value) not in memo:
            memo[id(value)] = _instance(value[CLASS], _restored(value[STATE], memo))
        return memo[id(value)]
    return _converted(value, _restored, memo) if kind in (list, tuple, dict) else value


def _converted(values, convert, memo):
    # the same object if nothing in it changes, since others may refer to it
    items = list(values.values()) if isinstance(values, dict) else values
    new = [convert(item, memo) for item in items]
    if all(map(lambda a, b: a is b, items, new)):
        return values
    if isinstance(values, dict):
        return dict(zip(values, new, strict=True))
    return type(values)(new)


def _instance(name, state):
    if name not in _classes:
        raise ValueError(
            f"This version of skgd has no class {name!r}. The file was written by "
            "another version."
        )
    new = _classes[name].__new__(_classes[name])
    if hasattr(new, "__setstate__"):
        new.__setstate__(state)
    else:
        vars(new).update(state)
    return new
