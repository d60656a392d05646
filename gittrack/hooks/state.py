"""How each hook of a repository stands: installed, chained, another's, or not run, and why."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.hooks.configured import is_configured, place_beside
from gittrack.hooks.files import (
    CHANGED,
    FOREIGN,
    STUB,
    HookFile,
    Installed,
    installed,
    is_executable,
)
from gittrack.hooks.install import places_of, runs_through
from gittrack.hooks.places import HUSKY, OFF, TRACKED, Place, hooks_place, is_bare
from gittrack.hooks.stub import HOOKS, SERVER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.project import Project

INSTALLED: Final = "installed"
CHAINED: Final = "chained"  # installed, and runs what was there before
CALLED: Final = "called"  # a hook of another's calls gittrack
OTHER: Final = "other"  # a hook of another's, which does not
NONE: Final = "none"
EDITED: Final = "changed"
IDLE: Final = "not run"  # installed, and git does not get there
BROKEN: Final = "broken"  # installed, and no gittrack to be found


@dataclass(frozen=True, slots=True)
class HookState:
    """How one hook stands; `path` is the file in question, and `note` what is to be known of it."""

    hook: str
    state: str
    path: str
    note: str = ""


def hook_states(project: Project) -> list[HookState]:
    """Return how each hook stands, that of a server only where there is one."""
    known = installed(project.repo)
    place = hooks_place(project)
    hooks = [hook for hook in HOOKS if hook != SERVER or is_bare(project)]
    return [_state_of(project, known, place, hook) for hook in hooks]


def _state_of(project: Project, known: Installed, place: Place, hook: str) -> HookState:
    beside = place_beside(project.repo)
    if os.path.lexists(beside.path(hook)) and is_configured(project, hook):
        return _state(beside, list(places_of(project.repo, known, beside, hook)))
    return _state(place, list(places_of(project.repo, known, place, hook)))


def _state(place: Place, files: list[HookFile]) -> HookState:
    here = files[0]
    if place.kind in (HUSKY, TRACKED):
        script = place.script(here.hook)
        if _calls(script, here.hook):
            return HookState(here.hook, CALLED, script)
    ours = next((file for file in files if file.kind in (STUB, CHANGED)), None)
    if ours is None:
        return _without(place, here)
    if ours.kind == CHANGED:
        return HookState(here.hook, EDITED, ours.path, "it was changed after its installation")
    if why := next(_obstacles(place, ours, files), ""):
        return HookState(here.hook, IDLE, ours.path, why)
    return _running(ours, files)


def _without(place: Place, here: HookFile) -> HookState:
    if place.kind == OFF:
        return HookState(here.hook, NONE, here.path, f"git takes no hooks here ({place.setting})")
    if here.kind != FOREIGN:
        return HookState(here.hook, NONE, here.path)
    if _calls(here.path, here.hook):
        return HookState(here.hook, CALLED, here.path, here.tool)
    return HookState(here.hook, OTHER, here.path, here.tool)


def _obstacles(place: Place, ours: HookFile, files: list[HookFile]) -> Iterator[str]:
    """What keeps git from running a stub."""
    here = files[0]
    if not is_executable(ours.path):
        yield "it is not executable"
    if os.path.dirname(ours.path) != place.folder:
        yield f"git takes hooks from {place.folder} ({place.setting})"
    elif ours.path != here.path and not runs_through(files):
        yield f"{here.tool or 'another program'} put its own in place of it"


def _running(ours: HookFile, files: list[HookFile]) -> HookState:
    if ours.path != files[0].path:
        return HookState(ours.hook, CALLED, ours.path, f"by {files[0].tool}")
    missing = _missing(ours.interpreter)
    if missing and shutil.which("gittrack") is None:
        return HookState(ours.hook, BROKEN, ours.path, f"{missing}, and there is no gittrack on PATH")
    if missing:
        missing += ": it asks the gittrack on PATH"
    if not os.path.lexists(ours.earlier):
        return HookState(ours.hook, INSTALLED, ours.path, missing)
    name = os.path.basename(ours.earlier)
    order = f"after {name}" if is_executable(ours.earlier) else f"{name} is not executable and not run"
    return HookState(ours.hook, CHAINED, ours.path, f"{order}; {missing}" if missing else order)


def _missing(python: str) -> str:
    if python and os.access(python, os.X_OK):
        return ""
    return f"its interpreter {python} is gone" if python else "it names no interpreter"


def _calls(path: str, hook: str) -> bool:
    try:
        with open(path, "rb") as file:
            return b"gittrack hook " + hook.encode() in file.read()
    except OSError:
        return False
