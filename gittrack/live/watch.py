"""The heartbeat of one run: `python -m gittrack.live.watch RUN SECONDS` pushes it now and then until it has ended."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Final

_LOOK: Final = 1.0  # seconds between two looks at whether the run is still running


def main() -> None:
    """Push the run every so many seconds; when it is committed, have that pushed, and what was sent before deleted."""
    from gittrack.errors import GittrackError
    from gittrack.live.send import Sender
    from gittrack.project import open_project
    from gittrack.record.auto_push import push_where_asked
    from gittrack.record.running import is_running
    from gittrack.share.live import arrived, note_sent

    run_id, seconds = sys.argv[1], float(sys.argv[2])
    project = open_project()
    sender = Sender(project, run_id)
    due = time.monotonic() + seconds
    while is_running(project, run_id) and not sender.refused:
        left = due - time.monotonic()
        if left > 0:
            time.sleep(min(left, _LOOK))
            continue
        sender.send()
        due = time.monotonic() + seconds
    with contextlib.suppress(GittrackError, OSError):
        if sender.sent and arrived(project, [run_id]):
            # The push at its end may have looked for the ref before the last heartbeat had made it.
            note_sent(project, run_id, sender.address)
            push_where_asked(project)


if __name__ == "__main__":
    main()
