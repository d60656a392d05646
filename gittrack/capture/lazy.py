"""Regular expressions that are compiled when they are first needed: most runs meet no secret at all."""

from __future__ import annotations

import re
from functools import cached_property


class Lazy:
    """The expression `text`; compiling all that look for secrets would cost each start 4 ms."""

    def __init__(self, text: str, flags: int = 0) -> None:
        self._text, self._flags = text, flags

    @cached_property
    def re(self) -> re.Pattern[str]:
        """The compiled expression."""
        return re.compile(self._text, self._flags)
