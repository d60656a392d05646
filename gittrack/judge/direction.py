"""Whether more or less of a metric is better, guessed from its name where nobody says it."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gittrack.model import Number

# Words of a name, in small letters. What is not beyond doubt is not among them.
SMALLER: Final = frozenset(
    """loss losses error errors err cost rmse mse mae mape msle logloss nll perplexity ppl bpc wer cer eer fid
    divergence brier ece regret time seconds duration latency memory""".split()
)
GREATER: Final = frozenset(
    """acc accuracy auc auroc auprc aucpr precision recall sensitivity specificity f1 f2 fbeta fscore r2 score
    bleu rouge meteor iou miou dice jaccard ndcg mrr mcc kappa reward throughput psnr ssim""".split()
)
# They turn the meaning of the words beside them around, or may: sklearn's neg_log_loss is better when greater.
_TURNING: Final = frozenset("neg negative minus inverse inv non false".split())
# What a clock, or the machine, says: no two runs of the same code agree on it.
_OF_THE_MACHINE: Final = frozenset("time seconds duration latency elapsed throughput memory".split())
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*")


class Direction(Enum):
    """Which way is better."""

    MIN = "min"
    MAX = "max"

    def better(self, a: Number, b: Number) -> bool:
        """Tell whether `a` is better than `b`; NaN is better than nothing, and everything else than NaN."""
        if a != a or b != b:
            return a == a and b != b
        return a < b if self is Direction.MIN else a > b

    def best(self, values: Iterable[Number]) -> Number | None:
        """Return the best one; None where there is nothing but NaN."""
        numbers = [value for value in values if value == value]
        if not numbers:
            return None
        return min(numbers) if self is Direction.MIN else max(numbers)


def is_of_the_machine(metric: str) -> bool:
    """Tell whether a metric of that name tells of the machine, such as train_seconds, rather than of the model."""
    return bool({word.lower() for word in _WORD.findall(metric)} & _OF_THE_MACHINE)


def guess(metric: str) -> Direction | None:
    """Return which way a metric of that name is better; None where its words say nothing, or both."""
    words = {word.lower() for word in _WORD.findall(metric)}
    smaller, greater = bool(words & SMALLER), bool(words & GREATER)
    if smaller == greater or words & _TURNING:
        return None
    return Direction.MIN if smaller else Direction.MAX
