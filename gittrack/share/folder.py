"""The union of two folders of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from gittrack.codec.paths import conflict_place, folded_path, parse_conflict
from gittrack.git.tree import DIRECTORY, Entry, serialize

if TYPE_CHECKING:
    from gittrack.git.store import ObjectStore
    from gittrack.share.admit import Files

_Node: TypeAlias = "dict[str, _Node | Entry]"


def united(ours: Files, theirs: Files) -> Files:
    """Return the files of both; of other contents at one path, and of a file where a folder is, both are kept.

    The lesser object id has the place, and of paths that some disks take for one the lesser path; each other one lies
    below 'conflicts/'. So it is a union of sets of (path, content): it does not depend on who makes it, nor how often.
    """
    contents: dict[str, dict[str, int]] = {}
    for files in (ours, theirs):
        for path, entry in files.items():
            if not entry.is_directory:
                conflict = parse_conflict(path)
                modes = contents.setdefault(conflict[1] if conflict else path, {})
                modes[entry.oid] = min(entry.mode, modes.get(entry.oid, entry.mode))
    prefixes = {path: [path[:end] for end, char in enumerate(path) if char == "/"] for path in contents}
    folders = {folded_path(folder) for path in contents for folder in prefixes[path]}
    spelled: dict[str, str] = {}
    for path in contents:
        for part in (*prefixes[path], path):
            spelled[folded_path(part)] = min(part, spelled.get(folded_path(part), part))
    found: Files = {}
    aside: set[str] = set()
    for path, modes in sorted(contents.items()):
        fits = all(spelled[folded_path(part)] == part for part in (*prefixes[path], path))
        free = fits and folded_path(path) not in folders
        for number, oid in enumerate(sorted(modes)):
            place = path if number == 0 and free else conflict_place(path, oid)
            if place != path and folded_path(place) in aside:
                continue  # the same content from a path that is the same on some disks
            aside.add(folded_path(place))
            found[place] = Entry(modes[oid], place.rpartition("/")[2].encode("utf-8", "surrogateescape"), oid)
    return found


def write_folder(store: ObjectStore, files: Files) -> str:
    """Write the tree of `files` and return its id."""
    root: _Node = {}
    for path, entry in files.items():
        *folders, name = path.split("/")
        node = root
        for folder in folders:
            below = node.setdefault(folder, {})
            assert isinstance(below, dict)
            node = below
        node[name] = entry
    return _write(store, root)


def _write(store: ObjectStore, node: _Node) -> str:
    entries = [
        below
        if isinstance(below, Entry)
        else Entry(DIRECTORY, name.encode("utf-8", "surrogateescape"), _write(store, below))
        for name, below in node.items()
    ]
    return store.write("tree", serialize(entries))
