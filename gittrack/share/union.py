"""The union of two branches of runs, as trees: what either has, whichever side it is made on.

A tree stands for a set of (path, content), and the union of two sets depends neither on their order nor on how often
it is made. The cases:

1. A path that one side has: it is taken.
2. The same path with the same content on both: it is there once.
3. The same path with other contents, which is damage: both are kept, see `folder.united`.
4. The files of a run that either side names as purged: they are left out.
5. The files that say what the branch is: those of the side that is ahead, see `frame.frame_of_union`.

Only folders that differ are read. What is theirs and not admitted is left out, and told.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.codec.paths import CONFLICTS, PURGED, RUNS, is_id, parse_purged
from gittrack.errors import DamagedRecord
from gittrack.git.tree import DIRECTORY, FILE, Entry, entry_of, parse_tree, put_entries, serialize, split_tree
from gittrack.share.admit import LARGEST, Admission, admissions, folders
from gittrack.share.folder import united, write_folder
from gittrack.share.frame import MARKS, Entries, check_frame, frame_of_union, mark_file
from gittrack.share.received import News, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gittrack.git.reader import BlobReader
    from gittrack.git.store import ObjectStore

_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class _Shard:
    """A folder of runs on both sides, as raw trees."""

    name: str
    ours: bytes
    theirs: bytes


class Union:
    """Makes the union of a tree of theirs with one of ours; made anew for each try, with the same `admitted`."""

    def __init__(self, store: ObjectStore, reader: BlobReader, admitted: dict[tuple[str, str], Admission]) -> None:
        """`admitted` remembers what was said of a run's folder, by its id and tree, so that no try reads it again."""
        self.news = News()
        self._store = store
        self._reader = reader
        self._admitted = admitted

    def admit(self, ours: str | None, theirs: str, progress: Callable[[int, int], None] | None = None) -> None:
        """Check what is new of a tree of theirs, so that `of` need not, which is called while others wait.

        GittrackError where theirs is no branch of runs that is known here. `progress(done, total)` is told of runs.
        """
        here, there = self._entries(ours), self._entries(theirs)
        frame_of_union(self._reader, here, there)
        _, wanted = self._news(here, there, self._purged(here) | self._purged(there))
        self._admit([run for runs in wanted.values() for run in runs], progress)

    def check(self, theirs: str) -> None:
        """Raise as `admit` does where a tree of theirs is no branch of runs that is known here; admits nothing."""
        check_frame(self._reader, self._entries(theirs))

    def of(self, ours: str | None, theirs: str) -> str:
        """Return the tree that is the union; raises as `admit` does."""
        here, there = self._entries(ours), self._entries(theirs)
        top = here | frame_of_union(self._reader, here, there)
        purged = self._purged(here) | self._purged(there)
        for name in MARKS:
            self._put(top, name, self._marks(name, here, there))
        self._put(top, RUNS, self._runs(here, there, purged))
        stray = {n: e for n, e in there.items() if n not in top and not (e.is_directory and n in (RUNS, *MARKS))}
        self._refuse(stray, here, "")
        return self._store.write("tree", serialize(top.values()))

    # Trees

    def _entries(self, oid: str | None) -> Entries:
        return {_text(entry): entry for entry in self._parsed(self._raw([oid])[0])}

    def _below(self, top: Entries, name: str) -> Entries:
        """The entries of a folder; none where there is no folder of that name."""
        entry = top.get(name)
        return self._entries(entry.oid) if entry is not None and entry.is_directory else {}

    def _parsed(self, data: bytes) -> list[Entry]:
        return parse_tree(data, self._store.repo.hash_len)

    def _raw(self, oids: Iterable[str | None]) -> list[bytes]:
        asked = list(oids)
        wanted = sorted({oid for oid in asked if oid is not None})
        known = self._reader.sizes.of(wanted)
        if any(known.get(oid, ("", 0))[0] != "tree" for oid in wanted):
            raise DamagedRecord("a folder of the branch is missing from the repository; run 'git fsck'")
        if (largest := max((size for _, size in known.values()), default=0)) > LARGEST["tree"]:
            raise DamagedRecord(f"a folder of the branch has a list of {largest} bytes, which is no branch of runs")
        found = dict(self._reader.read_many(wanted))
        if len(found) < len(wanted):
            raise DamagedRecord("a folder of the branch is damaged; run 'git fsck'")
        return [b"" if oid is None else found[oid] for oid in asked]

    def _put(self, top: Entries, name: str, entries: Entries) -> None:
        if entries:
            top[name] = Entry(DIRECTORY, name.encode(), self._store.write("tree", serialize(entries.values())))
        elif name in top and top[name].is_directory:
            del top[name]

    def _refuse(self, theirs: Entries, ours: Entries, prefix: str) -> None:
        """Tell of what theirs has and should not; what ours has too is not judged here."""
        for name, entry in theirs.items():
            if ours.get(name) != entry:
                self.news.refused.add(Refused("", prefix + name, "nothing of that name and mode belongs there"))

    def _shards(self, folder: str, ours: Entries, theirs: Entries, also: Iterable[str] = ()) -> list[_Shard]:
        """The folders of two characters that differ, and those named in `also`."""
        self._refuse({name: entry for name, entry in theirs.items() if not _is_shard(entry)}, ours, f"{folder}/")
        differing = {name for name, entry in theirs.items() if _is_shard(entry) and ours.get(name) != entry}
        names = [n for n in sorted(differing.union(also)) if n not in ours or _is_shard(ours[n])]
        sides = [[side[n].oid if n in side and _is_shard(side[n]) else None for n in names] for side in (ours, theirs)]
        raw = self._raw([*sides[0], *sides[1]])
        return [_Shard(*facts) for facts in zip(names, raw[: len(names)], raw[len(names) :], strict=True)]

    def _replace(self, entries: Entries, shard: _Shard, raw: bytes) -> None:
        if raw and raw != shard.ours:
            entries[shard.name] = Entry(DIRECTORY, shard.name.encode(), self._store.write("tree", raw))
        elif not raw:
            entries.pop(shard.name, None)

    # What is said by names alone

    def _purged(self, top: Entries) -> set[str]:
        shards = self._below(top, PURGED)
        raw = self._raw(entry.oid for entry in shards.values() if entry.is_directory)
        names = [_text(entry) for data in raw for entry in self._parsed(data)]
        return {run_id for name in names if (run_id := parse_purged(f"{PURGED}/{name[:2]}/{name}")) is not None}

    def _marks(self, folder: str, here: Entries, there: Entries) -> Entries:
        ours, theirs = self._below(here, folder), self._below(there, folder)
        for shard in self._shards(folder, ours, theirs):
            old = {entry.name for entry in self._parsed(shard.ours)}
            new = {_text(entry): entry for entry in self._parsed(shard.theirs) if entry.name not in old}
            fine = {name: e for name, e in new.items() if self._is_mark(f"{folder}/{shard.name}/{name}", folder, e)}
            self._refuse({name: e for name, e in new.items() if name not in fine}, {}, f"{folder}/{shard.name}/")
            self._replace(ours, shard, put_entries(shard.ours, self._store.repo.hash_len, fine.values()))
        return ours

    def _is_mark(self, path: str, folder: str, entry: Entry) -> bool:
        found = mark_file(folder, _text(entry))
        return found is not None and found[0] == path and entry == self._file(entry.name, found[1])

    def _file(self, name: bytes, content: bytes) -> Entry:
        return Entry(FILE, name, self._store.write("blob", content))

    # Runs

    def _runs(self, here: Entries, there: Entries, purged: set[str]) -> Entries:
        ours = self._below(here, RUNS)
        shards, wanted = self._news(here, there, purged)
        self._admit([run for runs in wanted.values() for run in runs], None)
        for shard in shards:
            put = self._admitted_of(shard, wanted[shard.name])
            rest = self._without(shard, purged)
            self._replace(ours, shard, put_entries(rest, self._store.repo.hash_len, put))
        return ours

    def _news(
        self, here: Entries, there: Entries, purged: set[str]
    ) -> tuple[list[_Shard], dict[str, list[tuple[str, str]]]]:
        """The folders of runs that have to be looked at, and by their names the (run, tree) to take from theirs."""
        also = {run_id[:2] for run_id in purged}
        shards = self._shards(RUNS, self._below(here, RUNS), self._below(there, RUNS), also)
        return shards, {shard.name: self._wanted(shard, purged) for shard in shards}

    def _wanted(self, shard: _Shard, purged: set[str]) -> list[tuple[str, str]]:
        """The (run, tree) of theirs that ours has not."""
        hash_len = self._store.repo.hash_len
        theirs = split_tree(shard.theirs, hash_len)
        named = {_text(e): e for e in map(entry_of, sorted({*theirs}.difference(split_tree(shard.ours, hash_len))))}
        runs = {name: entry.oid for name, entry in named.items() if _is_run(shard.name, entry)}
        self._refuse({name: e for name, e in named.items() if name not in runs}, {}, f"{RUNS}/{shard.name}/")
        self.news.gone_there |= purged.intersection(os.fsdecode(name) for _, name, _ in theirs) if purged else set()
        return [(name, oid) for name, oid in runs.items() if name not in purged]

    def _admit(self, runs: list[tuple[str, str]], progress: Callable[[int, int], None] | None) -> None:
        unknown = [run for run in runs if run not in self._admitted]
        for done, admission in enumerate(admissions(self._store.repo, self._reader, unknown), 1):
            self._admitted[admission.run, admission.tree] = admission
            if progress is not None:
                progress(done, len(unknown))

    def _admitted_of(self, shard: _Shard, wanted: list[tuple[str, str]]) -> list[Entry]:
        """The entries of a folder of runs that are new, or are the union of both sides' folders of the run."""
        present = {raw[1].decode("ascii", "replace"): raw for raw in split_tree(shard.ours, self._store.repo.hash_len)}
        entries = []
        for run_id, tree in wanted:
            admission = self._admitted[run_id, tree]
            old = entry_of(present[run_id]) if run_id in present else None
            if admission.reason:
                self.news.refused.add(Refused(run_id, f"{RUNS}/{shard.name}/{run_id}", admission.reason))
            elif old is None:
                self.news.new.add(run_id)
                entries.append(Entry(DIRECTORY, run_id.encode(), tree))
            elif (both := self._both(admission, old)) not in (None, old.oid):
                self.news.more.add(run_id)
                entries.append(Entry(DIRECTORY, run_id.encode(), both or ""))
        return entries

    def _both(self, admission: Admission, old: Entry) -> str | None:
        """The union of the two folders of one run, None where ours cannot be read."""
        sides = [(admission.run, old.oid), (admission.run, admission.tree)]
        (ours, reason), (theirs, _) = folders(self._store.repo, self._reader, sides)
        if reason:
            self.news.refused.add(Refused(admission.run, "", f"what is here of that run cannot be read: {reason}"))
            return None
        files = united(ours, theirs)
        conflicts = [path for path in files if path.startswith(f"{CONFLICTS}/") and path not in ours]
        self.news.conflicts |= {(admission.run, path) for path in conflicts}
        return write_folder(self._store, files)

    def _without(self, shard: _Shard, purged: set[str]) -> bytes:
        """Our folder of runs without those that were purged."""
        if not any(run_id.startswith(shard.name) for run_id in purged):
            return shard.ours
        entries = self._parsed(shard.ours)
        self.news.gone_here |= purged.intersection(map(_text, entries))
        return serialize(entry for entry in entries if _text(entry) not in purged)


def _text(entry: Entry) -> str:
    return entry.name.decode("utf-8", "surrogateescape")


def _is_shard(entry: Entry) -> bool:
    return entry.is_directory and len(entry.name) == 2 and set(_text(entry)) <= _HEX


def _is_run(shard: str, entry: Entry) -> bool:
    name = _text(entry)
    return entry.is_directory and is_id(name) and name.startswith(shard)
