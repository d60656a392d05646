"""What goes along with a push: by the configuration, and as far as a command does not say otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.git.pin_refs import SNAPSHOTS

if TYPE_CHECKING:
    from gittrack.project import Project


@dataclass(frozen=True, slots=True)
class Cargo:
    """What goes along: all refs but those in `withheld`, and the `contents` of large artifacts.

    With an `inbox`, the name of one, everything goes to refs that nobody else pushes to. A remote without any branch
    gets the current one of the user's before, unless `branch_first` forbids it.
    """

    withheld: tuple[str, ...] = ()
    contents: bool = True
    inbox: str | None = None
    branch_first: bool = True


EVERYTHING: Final = Cargo()


def usual_cargo(project: Project, *, lfs: bool = True, inbox: bool | None = None) -> Cargo:
    """Return what the configuration says, without contents for `lfs` False; `inbox` None asks it for that too."""
    settings = project.settings
    withheld = () if settings.flag("gittrack.pushsnapshots", default=True) else (SNAPSHOTS,)
    contents = lfs and settings.flag("gittrack.pushlfs", default=True)
    return Cargo(withheld, contents, _inbox(project, inbox))


def _inbox(project: Project, asked: bool | None) -> str | None:  # noqa: FBT001 - None is the third
    if not (project.settings.flag("gittrack.inbox", default=False) if asked is None else asked):
        return None
    from gittrack.share.inbox import inbox_name

    return inbox_name(project)
