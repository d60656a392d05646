"""Rows put down on disk: what columns there are, and of which kind, is known when the last one has been seen."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from gittrack.codec.document import pack, unpack
from gittrack.exchange.table import Shape, row_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gittrack.exchange.kinds import Cell
    from gittrack.model import Run

Row = dict[str, "Cell"]


@contextmanager
def spooled(runs: Iterable[Run]) -> Iterator[tuple[Shape, Iterator[Row]]]:
    """Give the shape of the table of `runs`, and its rows; memory holds one of them at a time."""
    shape = Shape()
    with tempfile.TemporaryFile("w+", encoding="utf-8", prefix="gittrack-") as file:
        for run in runs:
            row = row_of(run)
            shape.see(row)
            file.write(pack(row))
            file.write("\n")
        file.seek(0)
        yield shape, _rows(file)


def _rows(file: IO[str]) -> Iterator[Row]:
    return (cast("Row", unpack(line)) for line in file)
