"""A long work shows how far it is, on a terminal alone, and leaves nothing there."""

from __future__ import annotations

import io

import pytest

from gittrack.cli.progress import Counter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """The seconds that the counter sees."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("gittrack.cli.progress.time", clock)
    return clock


def test_a_bar_shows_how_far_the_work_is(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Counter("reading runs") as counter:
        counter(1, 8)
        assert terminal.getvalue() == "", "what is over in a moment shows nothing"
        clock.now = 1.0
        counter(2, 8)
        counter(3, 8)
        clock.now = 2.0
        counter(8, 8)
        clock.now = 3.0
        counter(9, None)
    assert terminal.getvalue().split("\x1b[K") == [
        "\rreading runs: [#####...............] 2 of 8",
        "\rreading runs: [####################] 8 of 8",
        "\rreading runs: 9",
        "\r",
        "",
    ]


def test_where_there_is_no_terminal_nothing_is_shown(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    with Counter("reading runs") as counter:
        clock.now = 5.0
        counter(2, 8)
    assert stream.getvalue() == ""
