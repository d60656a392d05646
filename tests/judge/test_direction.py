"""Which way is better, guessed from names."""

from __future__ import annotations

import re
from math import inf, nan
from pathlib import Path

import pytest

from gittrack.judge.direction import GREATER, SMALLER, Direction, guess


@pytest.mark.parametrize(
    "name", "loss val/loss train.loss validationLoss RMSE val_RMSE mean_squared_error epoch_time_s".split()
)
def test_names_of_which_less_is_better(name: str) -> None:
    assert guess(name) is Direction.MIN


@pytest.mark.parametrize("name", "acc val/top5_acc valAccuracy F1 f1_score roc_auc test/AUC R2 r2_score".split())
def test_names_of_which_more_is_better(name: str) -> None:
    assert guess(name) is Direction.MAX


@pytest.mark.parametrize(
    "name", "lr epoch x top1 timestep losss accuracyLoss time_to_accuracy neg_log_loss false_positive_recall".split()
)
def test_names_that_say_nothing_or_both(name: str) -> None:
    assert guess(name) is None


def test_no_word_is_on_both_sides() -> None:
    assert SMALLER.isdisjoint(GREATER)
    assert all(word == word.lower() for word in SMALLER | GREATER)


def test_the_page_has_all_the_words() -> None:
    page = (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")
    rows = {
        row.split("|")[1].strip(): set(re.findall("`([^`]+)`", row))
        for row in page.splitlines()
        if row.startswith(("| less", "| more"))
    }

    assert rows == {"less": set(SMALLER), "more": set(GREATER)}


def test_nan_is_never_better() -> None:
    for direction in Direction:
        assert direction.better(0, nan)
        assert direction.better(inf, nan)
        assert direction.best([nan, 3, nan]) == 3
        assert direction.best([nan]) is None
        assert direction.best([]) is None
        assert not direction.better(nan, 0)
        assert not direction.better(nan, nan)
        assert not direction.better(1, 1.0)


def test_less_and_more() -> None:
    assert (Direction.MIN.best([2, nan, 1, 3]), Direction.MAX.best([2, nan, 1, 3])) == (1, 3)
    assert Direction.MIN.better(1, 2)
    assert not Direction.MIN.better(2, 1)
    assert Direction.MAX.better(2, 1)
