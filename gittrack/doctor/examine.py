"""The whole examination, and the mending of what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.doctor.access import examine_access
from gittrack.doctor.ailment import Ailment
from gittrack.doctor.auto_push import examine_auto_push
from gittrack.doctor.branch import examine_branch
from gittrack.doctor.clone import examine_clone
from gittrack.doctor.configuration import examine_configuration
from gittrack.doctor.hooks import examine_hooks
from gittrack.doctor.kept import examine_quarantine
from gittrack.doctor.leftovers import examine_leftovers
from gittrack.doctor.machine import examine_machine
from gittrack.doctor.packs import examine_packs
from gittrack.doctor.tip import examine_tip
from gittrack.doctor.waiting import examine_journals
from gittrack.errors import GittrackError
from gittrack.quarantine import Quarantine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gittrack.project import Project

# The branch before the journals: they are committed to it.
_EXAMINATIONS = (
    examine_machine,
    examine_configuration,
    examine_access,
    examine_leftovers,
    examine_packs,
    examine_tip,
    examine_journals,
    examine_branch,
    examine_clone,
    examine_hooks,
    examine_auto_push,
    examine_quarantine,
)


def examine(project: Project) -> list[Ailment]:
    """Return everything that is to be said; nothing is changed but the index, which may be brought to the tip."""
    found: list[Ailment] = []
    for examination in _EXAMINATIONS:
        try:
            found.extend(examination(project))
        except (GittrackError, OSError) as error:
            found.append(Ailment("unknown", f"not everything could be looked at: {error}"))
    return found


def mend(project: Project, ailments: Iterable[Ailment]) -> Iterator[tuple[Ailment, str, bool]]:
    """Do what can be done about each ailment; yield it, what was done, and whether that succeeded."""
    quarantine = Quarantine(project)
    for ailment in ailments:
        if ailment.fix is None:
            continue
        try:
            yield ailment, ailment.fix(quarantine), True
        except (GittrackError, OSError) as error:
            yield ailment, f"could not be done: {error}", False
