"""What is said of runs that are running elsewhere: on which machine, and when they were heard of last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from gittrack.cli.render import visible
from gittrack.cli.wording import counted, short_age
from gittrack.record.liveness import STALE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Collection

    from gittrack.catalog import Catalog
    from gittrack.live.elsewhere import Elsewhere

_SHOWN: Final = 10


def seen(catalog: Catalog, found: Elsewhere) -> str:
    """Return when a run was heard of last: 'as of 2m ago (origin)', or 'last seen 2d ago (origin)'."""
    now = time.time()
    limit = catalog.project.settings.number("gittrack.staleafter", STALE_SECONDS)
    words = "last seen" if now - found.seen > limit else "as of"
    return f"{words} {short_age(found.seen, now)} ago{f' ({visible(found.remote)})' if found.remote else ''}"


def remarks(catalog: Catalog, runs: Collection[str]) -> list[str]:
    """Return a remark for each of the runs that is running elsewhere, some of them where they are many."""
    found = [catalog.elsewhere[run_id] for run_id in runs if run_id in catalog.elsewhere]
    told = [
        f"{visible(item.run.name)} is running on {visible(item.run.host or 'another machine')}, {seen(catalog, item)}"
        for item in found
    ]
    more = len(told) - _SHOWN
    return [*told[:_SHOWN], *([f"{counted(more, 'more run')} running elsewhere"] if more > 0 else [])]
