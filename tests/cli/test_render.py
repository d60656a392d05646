"""What is printed is harmless, as wide as it looks, and fits."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.cli.render import (
    Column,
    Ink,
    fit,
    harmless_json,
    render,
    sparkline,
    visible,
    visible_lines,
    wants_color,
    width_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PLAIN = Ink(on=False)
ANY_TEXT = st.text(st.characters(exclude_categories=[]))


@given(ANY_TEXT)
def test_nothing_that_a_terminal_obeys_gets_through(text: str) -> None:
    shown = visible(text)

    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029\u202e\u2066" for c in shown)
    shown.encode()


def test_escapes_are_written_out() -> None:
    assert visible("a\x1b[31mb\n\x9b2J\u202e\udc80\x00ü") == r"a\x1b[31mb\n\x9b2J\u202e\udc80\x00ü"
    assert visible_lines("one\r\ntwo\tx\n\x1b]0;t\x07\n") == ["one", "two\tx", r"\x1b]0;t\x07"]


@given(st.text())  # two halves of a pair would be read back as one character
def test_harmless_json_is_the_same_json(text: str) -> None:
    shown = harmless_json(json.dumps(text, ensure_ascii=False))

    assert json.loads(shown) == text
    assert not any(127 <= ord(c) < 160 or c == "\u202e" for c in shown)
    shown.encode()


def test_width_is_what_is_seen() -> None:
    assert [width_of(t) for t in ("abc", "日本", "e\u0301", "a\u200db", "")] == [3, 4, 1, 2, 0]
    assert [fit("日本語", n) for n in (6, 5, 4, 1, 0)] == ["日本語", "日本…", "日…", "…", ""]


@given(st.lists(st.tuples(ANY_TEXT.map(visible), ANY_TEXT.map(visible)), min_size=1), st.integers(12, 40))
def test_a_table_never_exceeds_its_width(rows: list[tuple[str, str]], width: int) -> None:
    columns = [
        Column("name", [row[0] for row in rows], 2, least=5),
        Column("value", [row[1] for row in rows], 1, least=5, right=True),
    ]

    lines = render(columns, width, PLAIN).lines

    assert len(lines) == len(rows) + 1
    assert all(width_of(line) <= width for line in lines)


def test_the_least_important_column_goes_first() -> None:
    columns = [
        Column("id", ["12345678"], 10),
        Column("name", ["a-rather-long-name"], 9, least=8),
        Column("loss", ["0.5"], 8, right=True),
        Column("branch", ["main"], 1),
    ]

    assert render(columns, None, PLAIN).lines[1] == "12345678  a-rather-long-name   0.5  main"
    assert render(columns, 35, PLAIN).lines[1] == "12345678  a-rather-l…   0.5  main"
    narrow = render(columns, 25, PLAIN)
    assert (narrow.lines[1], narrow.hidden) == ("12345678  a-rather…   0.5", ["branch"])
    assert render(columns, 9, PLAIN).hidden == ["name", "loss", "branch"]


def test_padding_ignores_colours() -> None:
    columns = [Column("status", ["failed", "finished"], 1, paint=Ink(on=True).status), Column("n", ["1", "2"], 0)]

    assert render(columns, None, PLAIN).lines[1] == "\x1b[31mfailed\x1b[m    1"


def test_sparklines() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 24) == "▁▂▃▄▅▆▇█"
    assert sparkline([1, math.nan, 1], 24) == "▁ ▁"
    assert sparkline([-1.7e308, 1.7e308], 24) == "▁█"
    assert sparkline([math.inf], 24) == ""
    assert len(sparkline(list(range(1000)), 24)) == 24


@pytest.mark.parametrize(
    ("choice", "terminal", "env", "colored"),
    [
        ("auto", True, {}, True),
        ("auto", False, {}, False),
        ("auto", True, {"NO_COLOR": "1"}, False),
        ("auto", True, {"NO_COLOR": ""}, True),
        ("auto", True, {"TERM": "dumb"}, False),
        ("auto", False, {"FORCE_COLOR": "1"}, True),
        ("auto", False, {"CLICOLOR_FORCE": "1"}, True),
        ("auto", False, {"CLICOLOR_FORCE": "0"}, False),
        ("auto", False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ("always", False, {"NO_COLOR": "1"}, True),
        ("never", True, {"FORCE_COLOR": "1"}, False),
    ],
)
def test_when_to_colour(
    choice: str, terminal: bool, env: Mapping[str, str], colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    assert wants_color(choice, terminal=terminal) is colored
