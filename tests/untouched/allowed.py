"""What each command and each public function may change: the explicit table, and the judge that applies it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.untouched.picture import CONTENT, ENTRIES, GONE, NEW, TIMES, Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GIT: Final = r"repo/\.git"
STATE: Final = rf"{GIT}/gittrack"
HEX: Final = "[0-9a-f]"


@dataclass(frozen=True, slots=True)
class Rule:
    """`kinds` of changes that are allowed to the paths that match, each relative to the folder of the pictures."""

    pattern: re.Pattern[str]
    kinds: frozenset[str]


def rule(pattern: str, *kinds: str) -> Rule:
    """Allow `kinds` of changes to the paths that match `pattern` from end to end."""
    return Rule(re.compile(pattern), frozenset(kinds))


Allowance = tuple[Rule, ...]

NOTHING: Final[Allowance] = ()
# SQLite's two files beside the index exist only while it is open; a lock file stays, empty, when nobody holds it.
INDEX: Final[Allowance] = (
    rule(STATE, NEW, ENTRIES),
    rule(rf"{STATE}/index\.sqlite(-wal|-shm)?", NEW, GONE, CONTENT, TIMES),
    rule(rf"{STATE}/index\.sqlite\.lock", NEW),
)
# The index is open for a moment, and stays as it is.
QUIET: Final[Allowance] = (rule(STATE, ENTRIES),)
# To read a sparse index git makes its trees in memory, and finds them in a pack, which gets the time of now.
SPARSE: Final[Allowance] = (rule(rf"{GIT}/objects/pack/pack-{HEX}{{40}}\.pack", TIMES),)
LOCKS: Final[Allowance] = (rule(rf"{STATE}/(publish|swap|unlock)\.lock", NEW, TIMES),)
JOURNAL: Final[Allowance] = (
    rule(STATE, NEW, ENTRIES),
    rule(rf"{STATE}/journal(/.*)?", NEW, GONE, CONTENT, TIMES, ENTRIES),
)
# A hook that was there gets another name beside the one that runs it, and its own again at the end.
HOOKS: Final[Allowance] = (
    rule(rf"{GIT}/hooks", ENTRIES),
    rule(
        rf"{GIT}/hooks/(post-(commit|rewrite|merge|checkout)|pre-push)(\.before-gittrack)?", NEW, GONE, CONTENT, TIMES
    ),
    rule(STATE, ENTRIES),
    rule(rf"{STATE}/hooks(/installed\.json)?", NEW, GONE, CONTENT, TIMES),
)
INPUT: Final[Allowance] = (
    rule(rf"{STATE}/stat\.sqlite(-wal|-shm)?", NEW, GONE, CONTENT, TIMES),
    rule(STATE, ENTRIES),
    rule("tmp", ENTRIES),
)
# Files of objects are only ever added. One that holds what is to be written anyway gets the time of now, as
# git does it, so that no 'git gc' takes it for garbage.
OBJECTS: Final[Allowance] = (
    rule(rf"{GIT}/objects", ENTRIES),
    rule(rf"{GIT}/objects/{HEX}{{2}}", NEW, ENTRIES),
    rule(rf"{GIT}/objects/{HEX}{{2}}/{HEX}{{38}}", NEW, TIMES),
    rule(rf"{GIT}/objects/pack", ENTRIES),
    rule(rf"{GIT}/objects/pack/pack-{HEX}{{40}}\.(pack|idx)", NEW),
    rule(rf"{GIT}/objects/pack/pack-{HEX}{{40}}\.pack", TIMES),
)
BRANCH: Final[Allowance] = (
    rule(rf"{GIT}/refs/heads", ENTRIES),
    rule(rf"{GIT}/refs/heads/gittrack", NEW, ENTRIES),
    rule(rf"{GIT}/refs/heads/gittrack/runs", NEW, CONTENT),
)
COUNTER: Final[Allowance] = (rule(rf"{STATE}/commits-since-packing", NEW, CONTENT, GONE),)
TIP: Final[Allowance] = (rule(rf"{STATE}/durable-(tip|code|snapshots|HEAD)", NEW, CONTENT, TIMES),)
# What keeps the code of a run alive: HEAD, and the working tree where that differs.
PINS: Final[Allowance] = (
    rule(rf"{GIT}/refs", ENTRIES),
    rule(rf"{GIT}/refs/gittrack", NEW, ENTRIES),
    rule(rf"{GIT}/refs/gittrack/(code|snapshots)", NEW, CONTENT),
)
# Results as notes of git, where somebody asked for them.
NOTES: Final[Allowance] = (
    *LOCKS,
    rule(rf"{GIT}/refs", ENTRIES),
    rule(rf"{GIT}/refs/notes", NEW, ENTRIES),
    rule(rf"{GIT}/refs/notes/gittrack", NEW, CONTENT),
    rule(rf"{STATE}/durable-gittrack", NEW, CONTENT, TIMES),
)
LARGE: Final[Allowance] = (
    rule(rf"{GIT}/lfs(/objects(/{HEX}{{2}}){{0,2}}|/tmp)?", NEW, ENTRIES),
    rule(rf"{GIT}/lfs/objects/{HEX}{{2}}/{HEX}{{2}}/{HEX}{{64}}", NEW, TIMES),
    # git-lfs gives a remote on the same disk a link and no copy, so it is one file from then on.
    rule(rf"origin\.git/lfs/objects/{HEX}{{2}}/{HEX}{{2}}/{HEX}{{64}}", TIMES),
)
# What git keeps of a remote, which is another repository and gets runs, pins and, where it was empty, code.
REMOTE: Final[Allowance] = (
    *LARGE,
    rule(rf"{STATE}/share\.lock", NEW, TIMES),
    rule(rf"{STATE}/lfs-sent-{HEX}{{16}}", NEW, CONTENT, TIMES),
    rule(STATE, ENTRIES),
    rule(rf"{GIT}/(logs/)?refs/remotes(/origin(/gittrack(/runs)?)?)?", NEW, CONTENT, ENTRIES),
    rule(r"origin\.git(/.*)?", NEW, GONE, CONTENT, TIMES, ENTRIES),
    # Its hooks are those of who receives, and run there; here they are the same ones by the user's configuration.
    rule(r"marks/(post-receive|post-update|pre-receive|reference-transaction|update)", NEW, CONTENT),
)
READ: Final[Allowance] = INDEX
LOG: Final[Allowance] = JOURNAL
START: Final[Allowance] = (*JOURNAL, *LOCKS, *OBJECTS, *PINS, *TIP)
PUBLISH: Final[Allowance] = (*START, *BRANCH, *COUNTER)
# What was found in untracked files that are kept, and in artifacts, is remembered, where there is time to.
RECORD: Final[Allowance] = (*PUBLISH, *LARGE, *INPUT)
CHANGE: Final[Allowance] = (*INDEX, *PUBLISH)
# The error output of git waits in a file without a name, which some file systems make by removing it at once.
UNNAMED: Final[Allowance] = (rule("tmp", ENTRIES),)
# A linked worktree that the user asked for, or that is there while a run is done again.
WORKTREE: Final[Allowance] = (
    rule(rf"{GIT}/worktrees", NEW, ENTRIES),
    rule(rf"{GIT}/worktrees/[^/]*first[^/]*(/.*)?|{GIT}/worktrees/checked(/.*)?", NEW),
    rule("elsewhere/checked(/.*)?", NEW),
    rule("elsewhere", ENTRIES),
)
PURGE: Final[Allowance] = (rule(rf"{STATE}/purge\.lock", NEW, TIMES),)
NEW_BRANCH: Final[Allowance] = (
    rule(rf"{GIT}/(logs/)?refs/heads", ENTRIES),
    rule(rf"{GIT}/(logs/)?refs/heads/again", NEW),
)
QUARANTINE: Final[Allowance] = (rule(rf"{STATE}/quarantine(/.*)?", NEW, ENTRIES),)
LEFTOVERS: Final[Allowance] = (
    rule(rf"{GIT}/refs/heads/gittrack/runs\.lock", GONE),
    rule(rf"{GIT}/objects/pack/tmp_pack_x", GONE),
    *UNNAMED,
)

# The background packing: a loose object may go because a pack has it.
PACK: Final[Allowance] = (
    rule(rf"{GIT}/objects(/{HEX}{{2}}|/pack)?", ENTRIES, GONE),
    rule(rf"{GIT}/objects/{HEX}{{2}}/{HEX}{{38}}", GONE),
    rule(rf"{GIT}/objects/pack/pack-{HEX}{{40}}\.(pack|idx)", NEW, TIMES),
    rule(STATE, ENTRIES),
    rule(rf"{STATE}/packed", NEW, CONTENT, TIMES),
    rule(rf"{STATE}/packing\.lock", NEW),
)
# The same with nothing to pack.
AGAIN: Final[Allowance] = (rule(STATE, ENTRIES), rule(rf"{STATE}/packed", TIMES))
# What 'git gc --auto' does with its packs, when git itself finds that there are too many. It writes the reflogs
# anew, which then are what they were.
FOLD: Final[Allowance] = (
    *PACK,
    rule(rf"{GIT}/objects/.*", NEW, GONE, CONTENT, TIMES, ENTRIES),
    rule(rf"{GIT}/info", ENTRIES),
    rule(rf"{GIT}/info/refs", NEW, CONTENT, TIMES),
)

# A lock file that nobody holds is no lock: gittrack leaves its own where they are.
LOCK_FILES: Final = re.compile(
    r".*\.git/gittrack/("
    r"(publish|swap|unlock|packing|purge|share|index\.sqlite)\.lock"
    r"|journal/(folders|[0-9a-f]{32}/[0-9a-f]{12})\.lock"
    r"|quarantine/.*)"
)


def forbidden(changes: Iterable[Change], allowed: Sequence[Rule]) -> list[str]:
    """Return the changes that `allowed` does not name; a folder may change by what may come and go in it."""
    changes = list(changes)
    named = {change for change in changes if _is_named(change, allowed)}
    # A folder's time tells no more than its picture where all that came or went in it is there to be seen.
    explained = {os.path.dirname(change.path) or "." for change in named if change.what in (NEW, GONE)}
    return [
        f"{change.what}: {change.path}"
        for change in changes
        if change not in named and not (change.what == ENTRIES and change.path in explained)
    ]


def _is_named(change: Change, allowed: Sequence[Rule]) -> bool:
    return any(change.what in rule.kinds and rule.pattern.fullmatch(change.path) for rule in allowed)


def left_locks(paths: Iterable[str]) -> list[str]:
    """Return the lock files among `paths` that must not be there when a command has ended."""
    return sorted(path for path in paths if path.endswith(".lock") and not LOCK_FILES.fullmatch(path))
