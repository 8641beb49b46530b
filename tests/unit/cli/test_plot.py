"""Plots of block characters."""

from gateway.cli.plot import bar, sparkline


def test_a_sparkline_has_one_character_a_value_and_a_dot_for_nothing() -> None:
    assert sparkline([0, 1, 4, 8]) == "·▂▅█"
    assert sparkline([0, 0]) == "··"
    assert sparkline([]) == ""


def test_a_bar_is_as_long_as_its_share_and_never_empty_where_there_is_something() -> None:
    assert bar(10, 10, 4) == "████"
    assert bar(5, 10, 3) == "█▌"
    assert bar(1, 1_000_000, 4) == "▏"
    assert bar(0, 10, 4) == bar(0, 0, 4) == ""
