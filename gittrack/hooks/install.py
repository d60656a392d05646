"""Stubs put into place and taken away: beside what is there, and leaving what was there byte for byte."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gittrack.errors import GittrackError, UsageError
from gittrack.git.durable import fsync_directories, make_directories, sharing_of, storage_error
from gittrack.hooks.configured import configure, forget, has_configured_hooks, is_configured, place_beside
from gittrack.hooks.files import (
    CHANGED,
    FOREIGN,
    LEGACY,
    OLD,
    STUB,
    HookFile,
    Installed,
    digest,
    installed,
    keep_earlier,
    key_of,
    look,
    path_of,
    put_file,
)
from gittrack.hooks.places import OFF, OWN, SHARED, Place, hooks_place, is_bare, own_folder
from gittrack.hooks.stub import HOOKS, SERVER, USUAL, line_for, stub

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.git.repository import Repository
    from gittrack.project import Project


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one hook; `done` is False where it could not be as it was asked."""

    hook: str
    sentence: str
    done: bool = True
    idle: bool = False  # there was nothing to do


def install(project: Project, names: Sequence[str], *, shared: bool = False) -> list[Outcome]:
    """Put the stubs of the hooks `names` (none: the usual ones) into place.

    Where git takes hooks from a place that is not gittrack's to write in, its configuration names them, if this git
    looks there; else GittrackError.
    """
    hooks = _checked(names) or USUAL
    bare = is_bare(project)
    if SERVER in hooks and not bare:
        raise GittrackError(f"{SERVER} is for a bare repository, which others push to, and this is none")
    if not names and bare and project.repo.worktree is None:
        raise GittrackError(
            f"nobody commits in a bare repository; 'gittrack hooks install {SERVER}' checks pushed runs"
        )
    place = hooks_place(project)
    closed = place.kind != OWN and not (place.kind == SHARED and shared)
    if closed and (place.kind == OFF or not has_configured_hooks(project.repo)):
        raise GittrackError(place.refusal(hooks[0], own_folder(project.repo)))
    known = installed(project.repo)
    try:
        if closed:
            return [_install_beside(project, known, hook) for hook in hooks]
        return [_install(project.repo, known, place, hook) for hook in hooks]
    except OSError as error:
        raise storage_error(error, place.folder) from error


def uninstall(project: Project, names: Sequence[str]) -> list[Outcome]:
    """Take the stubs of the hooks `names` (none: all) away, and put back what was there before them."""
    known = installed(project.repo)
    place = hooks_place(project)
    try:
        return [_uninstall(project, known, place, hook) for hook in _checked(names) or HOOKS]
    except OSError as error:
        raise storage_error(error, place.folder) from error


def places_of(repo: Repository, known: Installed, place: Place, hook: str) -> Iterator[HookFile]:
    """Each file that is or may be a stub of `hook`, where git looks first."""
    paths = [place.path(hook), *(path_of(repo, key) for key in known.stubs if _names(key, hook))]
    paths.append(os.path.join(own_folder(repo), hook))
    for path in dict.fromkeys(paths):
        for ending in ("", LEGACY, OLD):
            found = look(known, repo, hook, path + ending)
            if not ending or found.kind in (STUB, CHANGED):
                yield found


def runs_through(files: Sequence[HookFile]) -> bool:
    """Whether the stub among `files`, if it was moved, still gets what git tells."""
    # pre-commit runs what it moved, and passes standard input on to pre-push alone.
    return files[0].tool == "pre-commit" and any(
        file.path == files[0].path + LEGACY and file.hook != "post-rewrite" for file in files[1:]
    )


def _names(key: str, hook: str) -> bool:
    return key.replace(os.sep, "/").rpartition("/")[2] == hook


def _checked(names: Sequence[str]) -> tuple[str, ...]:
    from difflib import get_close_matches

    for name in names:
        if name not in HOOKS:
            near = get_close_matches(name, HOOKS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(HOOKS)}"
            raise UsageError(f"gittrack has no hook {name!r:.60}; {hint}")
    return tuple(dict.fromkeys(names))


def _install(repo: Repository, known: Installed, place: Place, hook: str) -> Outcome:
    files = [file for file in places_of(repo, known, place, hook) if file.path.startswith(place.path(hook))]
    here, moved = files[0], files[1:]
    if any(file.kind == CHANGED for file in files):
        return Outcome(hook, f"{_changed(files)}; take it away yourself to have it anew", done=False)
    if moved and runs_through(files):
        return _renew(repo, known, moved[0])
    for file in moved:
        _withdraw(known, repo, file, here)
    if here.kind == STUB:
        return _renew(repo, known, here)
    if here.asks_its_name:
        sentence = f"{here.path} goes by its own name and has to keep it: add to it, or to what it calls, the line:"
        return Outcome(hook, f"{sentence} {line_for(hook)}", done=False)
    if here.kind == FOREIGN and not _make_room(here):
        sentence = f"{here.earlier} is in the way of keeping {here.path}; move it away, and install again"
        return Outcome(hook, sentence, done=False)
    chained = here.kind == FOREIGN or os.path.lexists(here.earlier)
    _put(repo, known, here)
    return Outcome(hook, f"installed {hook}{', after ' + os.path.basename(here.earlier) if chained else ''}")


def _install_beside(project: Project, known: Installed, hook: str) -> Outcome:
    place = place_beside(project.repo)
    outcome = _install(project.repo, known, place, hook)
    if outcome.done and not is_configured(project, hook):
        configure(project.repo, hook, place.path(hook))
        return Outcome(hook, f"{outcome.sentence}, by git config hook.gittrack-{hook}")
    return outcome


def _renew(repo: Repository, known: Installed, file: HookFile) -> Outcome:
    """A stub that is there: written anew where the interpreter or the version is another one."""
    if file.text == stub(file.hook, sys.executable):
        if _key(repo, file) not in known.stubs:
            _note(repo, known, file)
        return Outcome(file.hook, f"already installed: {file.hook}")
    _put(repo, known, file)
    return Outcome(file.hook, f"renewed {file.hook}")


def _put(repo: Repository, known: Installed, file: HookFile) -> None:
    folder = os.path.dirname(file.path)
    if not os.path.isdir(folder):
        known.folders.append(key_of(repo, folder))
    # The list first: a stub that it does not know could not be told from one that was edited.
    _note(repo, known, file)
    fsync_directories(make_directories(folder, sharing_of(repo.common_dir)))
    if file.kind == FOREIGN:
        keep_earlier(file.path, file.earlier)
    put_file(repo, file.path, stub(file.hook, sys.executable))


def _note(repo: Repository, known: Installed, file: HookFile) -> None:
    known.stubs[_key(repo, file)] = digest(stub(file.hook, sys.executable))
    known.save(repo)


def _key(repo: Repository, file: HookFile) -> str:
    """The entry of a stub in the list, also where another tool moved it."""
    return key_of(repo, os.path.join(os.path.dirname(file.path), file.hook))


def _make_room(here: HookFile) -> bool:
    """See that the name for an earlier hook is free, or is that hook; a tool's older hook gives way to its newer."""
    if not os.path.lexists(here.earlier):
        return True
    if not here.replaces(here.earlier):
        return False
    os.unlink(here.earlier)
    return True


def _uninstall(project: Project, known: Installed, place: Place, hook: str) -> Outcome:
    repo = project.repo
    files = list(places_of(repo, known, place, hook))
    if any(file.kind == CHANGED for file in files):
        return Outcome(hook, f"{_changed(files)}; take it away yourself", done=False)
    stubs = [file for file in files if file.kind == STUB]
    if project.settings.get_all(f"hook.gittrack-{hook}.event"):
        forget(repo, hook)
    for file in stubs:
        _withdraw(known, repo, file, files[0])
    left = [file for file in files if file.kind == FOREIGN and os.path.lexists(file.earlier)]
    for key in [key for key in known.stubs if _names(key, hook)]:
        del known.stubs[key]
    _remove_folders(repo, known)
    known.save(repo)
    if left and not stubs:
        sentence = f"{left[0].path} is another's now, and {left[0].earlier} what was there before gittrack: keep one"
        return Outcome(hook, sentence, done=False)
    return Outcome(hook, f"uninstalled {hook}") if stubs else Outcome(hook, f"not installed: {hook}", idle=True)


def _changed(files: Sequence[HookFile]) -> str:
    file = next(file for file in files if file.kind == CHANGED)
    kept = f" ({file.earlier} is what was there before)" if os.path.lexists(file.earlier) else ""
    return f"{file.path} was changed after its installation, and is left as it is{kept}"


def _withdraw(known: Installed, repo: Repository, file: HookFile, here: HookFile) -> None:
    """Leave at the place of a stub what would be there if it had never been."""
    if os.path.lexists(file.earlier) and here.kind == FOREIGN and here.replaces(file.earlier):
        os.unlink(file.earlier)  # whoever moved the stub away put its own hook, which the stub ran, in place again
    if os.path.lexists(file.earlier):
        os.replace(file.earlier, file.path)
    else:
        os.unlink(file.path)
    fsync_directories([os.path.dirname(file.path)])
    known.stubs.pop(_key(repo, file), None)


def _remove_folders(repo: Repository, known: Installed) -> None:
    if known.stubs:
        return
    for key in known.folders:
        try:
            os.rmdir(path_of(repo, key))
        except OSError:
            continue  # others use it by now
    known.folders.clear()
