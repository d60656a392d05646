"""What may be typed to mean a run, and what is said when it means none or several."""

from __future__ import annotations

import pytest

from gittrack.errors import RunNotFound
from gittrack.read.index import Named
from gittrack.read.specifier import Specifier, ambiguous, parse_specifier, too_far_back, unknown

RUNS = [Named("3fa2c1d0" * 4, "brave-otter", deleted=False), Named("b" * 32, "calm-\x1b[31mowl", deleted=False)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("latest", Specifier("latest", back=0)),
        ("latest~", Specifier("latest~", back=1)),
        ("latest~12", Specifier("latest~12", back=12)),
        ("latest~x", Specifier("latest~x")),
        (" brave-otter ", Specifier("brave-otter")),
        ("3fa", Specifier("3fa")),
        ("3FA2", Specifier("3FA2", prefix="3fa2")),
        ("cafe-owl", Specifier("cafe-owl")),
        ("a" * 32, Specifier("a" * 32, prefix="a" * 32)),
        ("a" * 33, Specifier("a" * 33)),
    ],
)
def test_what_a_text_may_mean(text: str, expected: Specifier) -> None:
    assert parse_specifier(text) == expected


def test_an_empty_text_means_no_run() -> None:
    with pytest.raises(RunNotFound, match="an empty text"):
        parse_specifier("  ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("brave-oter", "no run answers to 'brave-oter'; did you mean brave-otter?"),
        ("3fa2c1d1", "no run answers to '3fa2c1d1'; did you mean 3fa2c1d0?"),
        ("3f", "'3f' is too short; give at least 4 characters of an id, or a name"),
        ("xyzzy", "no run answers to 'xyzzy'; 'gittrack log' lists them"),
        ("calm-owl", "no run answers to 'calm-owl'; did you mean 'calm-\\x1b[31mowl'?"),
        ("a\nb", "no run answers to 'a\\nb'; 'gittrack log' lists them"),
    ],
)
def test_the_nearest_is_named(text: str, sentence: str) -> None:
    assert str(unknown(text, RUNS)) == sentence


def test_where_there_is_no_run_this_is_said() -> None:
    assert str(unknown("brave-otter", [])) == "no run answers to 'brave-otter': there are no runs here yet"
    assert str(too_far_back("latest", 0)) == "'latest' means no run: there are no runs here yet"
    assert str(too_far_back("latest~1", 1)) == "'latest~1' goes back too far: there is only 1 run here"
    assert str(too_far_back("latest~9", 2)) == "'latest~9' goes back too far: there are only 2 runs here"


def test_candidates_are_named_but_not_all() -> None:
    runs = [Named(f"{n:08x}" * 4, "owl", deleted=False) for n in range(7)]
    assert str(ambiguous("owl", runs[:2])) == (
        "'owl' means several runs: 00000000 owl, 00000001 owl; give the id of one"
    )
    assert str(ambiguous("owl", runs)).endswith("00000004 owl, …; give the id of one")
