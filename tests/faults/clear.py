"""Whether a process that met a fault said so as it should: one clear sentence, typed where a program sees it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tests.faults.conftest import read

if TYPE_CHECKING:
    from tests.faults.conftest import Ended

# Of the errors in gittrack.errors one has a child where git is called.
_TYPED: Final = re.compile(
    r"gittrack\.(errors\.(StorageError|RepositoryError|RunNotFound)|git\.process\.GitError): \S.*"
)
_SAID: Final = re.compile(r"gittrack: (warning: |error: (?!internal error))?\S.*")


def assert_clear(ended: Ended) -> bool:
    """Assert that the process got to its end, or ended with a typed error before its run began; tell whether all went.

    A training script ends with 0 once its run has begun, whatever the disk does.
    """
    assert ended.signal == 0, ended.err
    told = read(ended.acks)
    lines = ended.err.splitlines()
    if any(line[0] == "start" for line in told) or ended.code == 0:
        assert ended.code == 0, ended.err
        assert [line for line in lines if not _SAID.fullmatch(line)] == []
    else:
        assert _TYPED.fullmatch(lines[-1]), ended.err
    codes = [line[2] for line in told if line[0] in {"log", "invoke"}]
    assert set(codes) <= {0, 1}, ended.err
    if codes == [1] and not any("invoke" in line for line in told):
        assert lines, "a command failed without a word"
    return ended.code == 0 and 1 not in codes and not lines
