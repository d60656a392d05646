"""The text of a CSV cell: exact for other programs, harmless in a spreadsheet. Pure.

A spreadsheet computes what begins with = + - or @, also where a stranger wrote it. So text that does gets an
apostrophe in front, as people type one to say that it is text; numbers never do. Reading takes it away again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gittrack.exchange.kinds import Kind, written

if TYPE_CHECKING:
    from gittrack.exchange.kinds import Cell

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
_GUARDED: Final = re.compile(r"'+[=+\-@\t\r]")


def cell_text(value: Cell, kind: Kind) -> str:
    """Return what stands in the file for `value`."""
    text = written(value, kind)
    return f"'{text}" if isinstance(value, str) and _FORMULA.match(text) else text


def unguarded(text: str) -> tuple[str, bool]:
    """Return the text that a cell of a file stands for, and whether it is text beyond doubt."""
    return (text[1:], True) if _GUARDED.match(text) else (text, False)
