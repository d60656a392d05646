"""The errors that gittrack raises on purpose, and the exit code each one has on the command line."""

from __future__ import annotations

EXIT_EXPECTED = 1
EXIT_USAGE = 2
EXIT_BUG = 3
EXIT_REFUSED = 10  # of a hook: git must not go on
EXIT_INTERRUPT = 130


class GittrackError(Exception):
    """Something expected went wrong: the message is one sentence that says what and what to do."""

    exit_code = EXIT_EXPECTED


class UsageError(GittrackError):
    """The caller asked for something that cannot be meant: a bad option, name or specifier."""

    exit_code = EXIT_USAGE


class RepositoryError(GittrackError):
    """There is no usable git repository, git program or git identity here."""


class StorageError(GittrackError):
    """The disk or the repository refused a write or a read; what was logged stays in the journal."""


class InvalidValue(GittrackError, TypeError):
    """A key or value that cannot be recorded: a programming error, raised where it was made."""


class ParamConflict(GittrackError, ValueError):
    """A param that is already set was given another value."""


class NoActiveRun(GittrackError, RuntimeError):
    """A call needs a running run and there is none, or more than one, in this context."""


class RunNotFound(GittrackError, LookupError):
    """No run, or more than one, answers to a specifier."""


class NotFetched(GittrackError, LookupError):
    """The code of a run is not in this clone; the message has the command that fetches it."""


class DamagedRecord(GittrackError, ValueError):
    """A file of the branch or of a journal is not what the format allows."""
