"""What is not as it was committed: by a commit on top, by what git is told to show instead, or by another history."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from gittrack.codec.paths import RUNS
from gittrack.git.process import GitError
from gittrack.git.reader import BlobReader, list_tree
from gittrack.git.settled import remembered_tip
from gittrack.git.unfeigned import ENV, Change, changed_between, grafts, leads_to, replacements
from gittrack.trust.origins import run_of
from gittrack.trust.report import File, Finding
from gittrack.trust.telling import difference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from gittrack.project import Project
    from gittrack.trust.origins import Event, History, Stray

_TOLD: Final = 3  # files of a run and a commit that are told of
_ONE_BY_ONE: Final = 20


class Alterations:
    """What was altered in the history of `tip`, of all runs or of those that `wanted` tells."""

    def __init__(
        self, project: Project, tip: str, history: History, purged: Collection[str], only: Collection[str]
    ) -> None:
        self._project = project
        self._repo = project.repo
        self._tip = tip
        self._history = history
        self._purged = purged
        self._only = only

    def find(self) -> tuple[list[Finding], list[Finding]]:
        """Return what is altered now, and what was and has been put back."""
        with BlobReader(self._repo, ENV) as reader:
            told = _Telling(reader)
            altered, restored = self._events()
            problems = [
                *told.of_events(altered),
                *map(_stray, (s for s in self._history.strays if self._wants(s.run))),
                *self._feigned(told),
                *self._elsewhere(told),
            ]
            notes = [f._replace(sentence=f"{f.sentence}, and it was put back") for f in told.of_events(restored)]
        return problems, notes

    def _wants(self, run: str) -> bool:
        return not self._only or run in self._only

    # By a commit

    def _events(self) -> tuple[list[Event], list[Event]]:
        events = [event for event in self._history.events if self._counts(event.change)]
        first = {event.change.path: event.change.old for event in events}  # newest first, so the oldest stays
        now = self._present(first)
        altered = {path for path, oid in first.items() if now.get(path) != oid}
        return [e for e in events if e.change.path in altered], [e for e in events if e.change.path not in altered]

    def _counts(self, change: Change) -> bool:
        run = run_of(change.path)[0]
        return self._wants(run) and not (change.status == "D" and run in self._purged)

    def _present(self, paths: Iterable[str]) -> dict[str, str]:
        folders = {path.rpartition("/")[0] for path in paths}
        asked = [f"{folder}/" for folder in sorted(folders)] if len(folders) <= _ONE_BY_ONE else [""]
        return {e.path: e.oid for folder in asked for e in list_tree(self._repo, self._tip, folder, ENV)}

    # By what git is told to show

    def _feigned(self, told: _Telling) -> Iterator[Finding]:
        believed = self._project.settings.flag("core.useReplaceRefs", default=True)
        shown = replacements(self._repo) if believed else {}
        if shown:
            yield from told.of_changes(
                (change for change in self._replaced(shown) if self._wants(run_of(change.path)[0])),
                "'git replace' has git show something else for",
                "'git replace -d' takes it back",
            )
        for commit in shown:
            yield from self._commit_feigned(commit, f"'git replace' has git show another commit for {commit[:12]}")
        for commit in grafts(self._repo):
            yield from self._commit_feigned(commit, f"info/grafts tells git other parents for commit {commit[:12]}")

    def _replaced(self, shown: Mapping[str, str]) -> Iterator[Change]:
        real = {entry.path: entry.oid for entry in list_tree(self._repo, self._tip, "", ENV)}
        seen = {entry.path: shown.get(entry.oid, entry.oid) for entry in list_tree(self._repo, self._tip)}
        for path in sorted(real.keys() | seen.keys()):
            if real.get(path) != seen.get(path):
                yield Change("M", real.get(path, ""), seen.get(path, ""), path)

    def _commit_feigned(self, commit: str, sentence: str) -> Iterator[Finding]:
        runs = [run for run, origin in self._history.origins.items() if commit in origin.commits and self._wants(run)]
        for run in runs:
            yield Finding(run, commit, "", f"{sentence}, which added it")
        if not runs and not self._only and leads_to(self._repo, self._tip, commit):
            yield Finding("", commit, "", f"{sentence}, which the branch leads to")

    # By another history

    def _elsewhere(self, told: _Telling) -> Iterator[Finding]:
        seen = {event.change.path for event in self._history.events}
        places = {tip: f"what {name} has" for tip, name in self._project.remote_branches()}
        last = remembered_tip(self._repo, self._project.runs_ref)
        if last is not None:
            places.setdefault(last, "what gittrack committed here")
        for tip, what in places.items():
            found: list[Change] = []
            with suppress(GitError):  # of a tip that is not here any more nothing can be told
                found = changed_between(self._repo, tip, self._tip) if tip != self._tip else []
            differing = (c for c in found if c.path.startswith(f"{RUNS}/") and c.path not in seen and self._counts(c))
            # What a remote has and this branch has not is only news.
            mine = tip == last
            yield from told.of_changes(
                (change for change in differing if mine or change.status != "D"), f"{what} is not what is here of"
            )


class _Telling:
    """Findings in words; a run and a commit at a time."""

    def __init__(self, reader: BlobReader) -> None:
        self._reader = reader

    def of_events(self, events: Iterable[Event]) -> Iterator[Finding]:
        groups: dict[tuple[str, str, str], list[Change]] = {}
        for event in events:
            groups.setdefault((run_of(event.change.path)[0], event.commit, event.author), []).append(event.change)
        for (run, commit, author), changes in groups.items():
            removed = all(change.status == "D" for change in changes)
            files = self._files(changes)
            what = f"commit {commit[:12]} {'removed' if removed else 'changed'} {_named(files, len(changes))}"
            yield Finding(run, commit, author, what, files)

    def of_changes(self, changes: Iterable[Change], how: str, remedy: str = "") -> Iterator[Finding]:
        groups: dict[str, list[Change]] = {}
        for change in changes:
            groups.setdefault(run_of(change.path)[0], []).append(change)
        for run, found in groups.items():
            files = self._files(found)
            yield Finding(run, "", "", f"{how} {_named(files, len(found))}" + (f"; {remedy}" if remedy else ""), files)

    def _files(self, changes: list[Change]) -> tuple[File, ...]:
        return tuple(self._file(change) for change in sorted(changes, key=_by_path)[:_TOLD])

    def _file(self, change: Change) -> File:
        path = run_of(change.path)[1]
        return File(path, difference(path, self._content(change.old), self._content(change.new)))

    def _content(self, oid: str) -> bytes | None:
        return self._reader.read(oid) if oid.strip("0") else None


def _by_path(change: Change) -> str:
    return change.path


def _named(files: tuple[File, ...], count: int) -> str:
    names = [f"{file.path} ({file.difference})" if file.difference else file.path for file in files]
    return ", ".join(names) + (f", and {count - len(files)} more" if count > len(files) else "")


def _stray(stray: Stray) -> Finding:
    sentence = f"commit {stray.commit[:12]} added {stray.path}, and another one the record that it belongs to"
    return Finding(stray.run, stray.commit, stray.author, sentence, (File(stray.path),))
