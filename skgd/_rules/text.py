"""What docstrings say of the rules, from their registries."""

import re
import textwrap

# the longest line that `filled` writes into a docstring
WIDTH = 88


def listed(names, last="and"):
    """Names as a sentence lists them.

    Parameters
    ----------
    names : iterable of str
        At least one.
    last : str, default='and'
        What stands before the last of several.

    Returns
    -------
    text : str
        Such as ``a, b and c``.

    Examples
    --------
    >>> from skgd._rules.text import listed
    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end


def filled(text, values):
    """Text with the values of the names in braces, wrapped where that makes it long.

    Parameters
    ----------
    text : str
        Has ``{name}`` where a value is to stand. Other braces stay as they are.
    values : dict of str to str
        By name.

    Returns
    -------
    text : str
        The line of a parameter, ``name : kind``, stays one line, as numpydoc has it.

    Examples
    --------
    >>> from skgd._rules.text import filled
    >>> filled("kind : {{kinds}} or None", {"kinds": "'a', 'b'"})
    "kind : {'a', 'b'} or None"
    """
    lines = []
    for line in text.split("\n"):
        full = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), line)
        is_parameter = re.match(r"\s*\w+ : ", full)
        if full == line or is_parameter or len(full) <= WIDTH:
            lines.append(full)
            continue
        indent = line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(
            full,
            WIDTH,
            initial_indent="",
            subsequent_indent=indent,
            break_on_hyphens=False,
            break_long_words=False,
        )
    return "\n".join(lines)
