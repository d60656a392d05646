"""Which run of a command is the one that `gittrack reproduce` waits for: the ticket for it is taken once."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass

# The path of the ticket. Its folder is there as long as the command is being reproduced.
REPRODUCES = "GITTRACK_REPRODUCES"

_process = os.getpid()


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to be the run `new_id`, which does the run `run_id` again.

    It is for the start number `ordinal` of a process: of a worker if `worker`, and of the very child of the process
    `parent` where that is the one. Where `parent` is None (a shell script started it) the first such process counts.
    """

    run_id: str
    new_id: str
    ordinal: int
    worker: bool
    parent: int | None


def issue(path: str, ticket: Ticket) -> None:
    """Lay a ticket down at `path`, for the command that gets this path as REPRODUCES."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(asdict(ticket), file)


def take(ordinal: int) -> Ticket | None:
    """Return the ticket if the start of that number in this process is the one it is for, and nobody has it."""
    path = os.environ.get(REPRODUCES)
    if not path:
        return None
    try:
        with open(path, encoding="utf-8") as file:
            ticket = Ticket(**json.load(file))
        if (ticket.ordinal, ticket.worker) != (ordinal, is_worker()) or ticket.parent not in (None, os.getppid()):
            return None
        os.unlink(path)  # of several processes it succeeds in one
    except (OSError, ValueError, TypeError):
        return None
    return ticket


def is_being_reproduced() -> bool:
    """Tell whether this process is part of a command that `gittrack reproduce` runs."""
    path = os.environ.get(REPRODUCES)
    return bool(path) and os.path.isdir(os.path.dirname(path or ""))


def is_worker() -> bool:
    """Tell whether this process was forked, or started by multiprocessing: its command line is another's."""
    if os.getpid() != _process:
        return True
    multiprocessing = sys.modules.get("multiprocessing")
    return multiprocessing is not None and multiprocessing.parent_process() is not None
