"""What docstrings say of the rules: lists of names, and lines of a limited length."""

import pytest

from skgd._rules.text import WIDTH, filled, listed


@pytest.mark.parametrize(
    ("names", "text"),
    [("a", "a"), ("ab", "a or b"), ("abc", "a, b or c"), ("abcd", "a, b, c or d")],
)
def test_listed(names, text):
    assert listed(names, last="or") == text
    assert listed(iter(names)) == text.replace("or", "and")


def test_values_stand_where_their_names_are():
    text = "The {one} and {other_2}, {unknown} and { one }.\n\n    {one}"
    values = {"one": "first", "other_2": "second"}
    expected = "The first and second, {unknown} and { one }.\n\n    first"
    assert filled(text, values) == expected


def test_lines_that_become_too_long_are_wrapped():
    words = " ".join(["'a-long-name-of-a-rule'"] * 20)
    lines = filled("    One of {names}.", {"names": words}).split("\n")
    assert len(lines) > 3
    assert all(len(line) <= WIDTH == 88 for line in lines)
    # no line could have had the first word of the next one, too
    for line, following in zip(lines, lines[1:], strict=False):
        assert len(line) + 1 + len(following.split()[0]) > WIDTH
    assert all(line.startswith("    ") and line[4] != " " for line in lines)
    assert " ".join(line.strip() for line in lines) == f"One of {words}."


@pytest.mark.parametrize("length", [88, 89])
def test_a_line_of_exactly_the_width_is_not_too_long(length):
    end = "b" * (length - 4)
    n_lines = 1 if length == 88 else 2
    assert filled("a {x}", {"x": f"b {end}"}).count("\n") == n_lines - 1


def test_long_words_and_other_long_lines_stay():
    word, line = 100 * "x", 50 * "y z"
    assert filled("{word}", {"word": word}) == word
    assert filled(line, {}) == line
    parameter = f"    names : {line}"
    assert filled("    names : {names}", {"names": line}) == parameter
