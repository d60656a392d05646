"""Which large files hold no secret, found out once: to look through ten mebibytes of them takes seconds."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from gittrack._version import __version__
from gittrack.capture.stat_cache import HARMLESS, StatCache

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from types import TracebackType

    from gittrack.capture.stat_cache import Session

_FROM: Final = 16 << 10  # bytes; a smaller file is looked through in the time that the cache takes to open


class Harmless:
    """What is known of files under the rules of this version and the user's own `patterns`; opened when first asked.

    Nothing is known, or kept, where `place`, the SQLite file, is None.
    """

    def __init__(self, place: str | None, patterns: Iterable[str] = ()) -> None:
        self._place = place
        self._rules = hashlib.sha256("\0".join((__version__, *patterns)).encode("utf-8", "replace")).hexdigest()
        self._stack = ExitStack()
        self._session: Session | None = None

    def __enter__(self) -> Harmless:  # noqa: PYI034 - Self is newer than Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def opened(self) -> bool:
        """Whether any file was large enough to be asked for."""
        return self._session is not None

    def knows(self, path: str, status: os.stat_result) -> bool:
        """Tell whether the file was looked through as it is, and held nothing."""
        return self._is_worth_it(status) and self._open().lookup(path, status) == self._rules

    def remember(self, path: str, status: os.stat_result, started_ns: int) -> None:
        """Keep that the file holds nothing, as was found from `started_ns` on."""
        if self._is_worth_it(status):
            self._open().remember(path, status, self._rules, started_ns)

    def _is_worth_it(self, status: os.stat_result) -> bool:
        return self._place is not None and status.st_size >= _FROM

    def _open(self) -> Session:
        if self._session is None:
            assert self._place is not None
            self._session = self._stack.enter_context(StatCache(self._place, HARMLESS).session())
        return self._session
