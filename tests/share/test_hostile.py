"""Branches that somebody made by hand to do harm: nothing is written outside, and every other run is readable."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import pytest

from gittrack.codec.paths import format_file, later_stem, readme_file, run_directory
from gittrack.errors import GittrackError
from gittrack.git.transport import TransportError
from tests.share.conftest import Clone, git_out, id_of, run_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Gittrack
    from tests.share.conftest import Hub

# A folder, a file, or anything else by its mode, kind and content.
Node: TypeAlias = "dict[str, Node] | bytes | tuple[str, str, str]"

BAD = id_of("bad")
RECORD = run_files(BAD, "bad")[f"{run_directory(BAD)}/run.yaml"]
BLOB = "blob"


@dataclass(frozen=True)
class Case:
    """What lies in the folder of the bad run, or beside the runs; `git` tells that git itself refuses it."""

    name: str
    inside: dict[str, Node] = field(default_factory=dict)
    beside: dict[str, Node] = field(default_factory=dict)
    record: bytes = RECORD
    git: bool = False
    refused: str = ""  # the sentence where the whole branch is refused


def artifact(name: str, content: Node = b"x") -> dict[str, Node]:
    return {"artifacts": {name: content}}


def later(lamport: int, data: bytes) -> dict[str, Node]:
    return {"later": {later_stem(lamport, data).removeprefix("later/") + ".yaml": data}}


def deep(levels: int) -> Node:
    node: Node = b"x"
    for _ in range(levels):
        node = {"d" * 200: node}
    return node


def bomb(levels: int) -> Node:
    node: Node = b"x"
    for _ in range(levels):
        node = {f"d{number}": node for number in range(10)}
    return node


BOMB = b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (c, c, c - 1, c - 1) for c in range(98, 122))
CASES = [
    Case("dotdot", artifact(".."), git=True),
    Case("dot", artifact("."), git=True),
    Case("dotgit", artifact(".git", {"config": b"x"}), git=True),
    Case("dotgit in capitals", artifact(".GIT", {"config": b"x"}), git=True),
    Case("git tilde", artifact("git~1", {"config": b"x"}), git=True),
    Case("dotgit with a joiner", artifact(".g\u200cit", {"config": b"x"}), git=True),
    Case("dotgit with a space", artifact(".git ", {"config": b"x"}), git=True),
    Case("dotgit beside the runs", beside={".git": {"config": b"x"}}, git=True),
    Case("gitmodules as a link", artifact(".gitmodules", ("120000", BLOB, "../../x")), git=True),
    Case("backslash", artifact("..\\..\\x")),
    Case("newline", artifact("a\nb")),
    Case("escape", artifact("\x1b[31m")),
    Case("bidirectional", artifact("a\u202eb")),
    Case("not UTF-8", artifact("\udcff")),
    Case("windows device", artifact("con")),
    Case("windows device with an ending", artifact("NUL.txt")),
    Case("windows stream", artifact("a:b")),
    Case("trailing dot", artifact("a.")),
    Case("trailing space", artifact("a ")),
    Case("too long", artifact("x" * 256)),
    Case("case", {"artifacts": {"Model": b"1", "model": b"2"}}),
    Case("case of folders", {"artifacts": {"Model": {"a": b"1"}, "model": {"b": b"2"}}}),
    Case("normal forms", {"artifacts": {"\u00e9": b"1", "e\u0301": b"2"}}),
    Case("deep", artifact("d", deep(30))),
    Case("bomb of trees", artifact("d", bomb(8))),
    Case("link", artifact("link", ("120000", BLOB, "/etc/passwd"))),
    Case("link as the record", {"run.yaml": ("120000", BLOB, "/etc/passwd")}),
    Case("link as a folder", {"metrics": ("120000", BLOB, "/etc")}),
    Case("submodule", artifact("sub", ("160000", "commit", "1" * 40))),
    Case("executable", artifact("run.sh", ("100755", BLOB, "rm -rf /"))),
    Case("stranger", {"evil.sh": b"x"}),
    Case("metric with a colon", {"metrics": {"a:b.tsv": b"x"}}),
    Case("metric named as a device", {"metrics": {"con.tsv": b"x"}}),
    Case("large artifact", artifact("big", b"0" * 200_000)),
    Case("large output", {"output.log": b"0" * (3 << 20)}),
    Case("large record", record=RECORD + b"# " + b"0" * (17 << 20) + b"\n"),
    Case("yaml tag", record=RECORD + b"description: !!python/object/apply:os.system ['touch /tmp/x']\n"),
    Case("yaml alias", record=RECORD + BOMB),
    Case("yaml depth", record=RECORD + b"x: " + b"[" * 5000 + b"]" * 5000 + b"\n"),
    Case("no yaml", record=b"\xff\xfe: : :\n\t- ["),
    Case("another run's record", record=run_files("f" * 32, "other")[f"runs/ff/{'f' * 32}/run.yaml"]),
    Case("commit that is an option", record=RECORD.replace(b"commit: null", b"commit: --output=/tmp/x")),
    Case("absurd clock", later(10**14, b"tags: {a: b}\n")),
    Case("hash that is not the content's", {"later": {f"00000001-{'0' * 16}.yaml": b"tags: {a: b}\n"}}),
    Case("folder as a record", {"run.yaml": {"a": b"x"}}),
    Case("conflict with another id", {"conflicts": {"1" * 40: {"1": {"output.log": b"x"}}}}),
    Case("stray file", beside={"setup.py": b"x"}),
    Case("stray folder", beside={"hooks": {"post-checkout": b"x"}}),
    Case("purged mark of another name", beside={"purged": {"ab": {"0" * 32: b"x"}}}),
    Case("rewrite of another content", beside={"rewrites": {"ab": {f"{'ab' * 20}-{'cd' * 20}": b"x"}}}),
    Case("newer format", beside={"format.yaml": b"format: gittrack\nversion: 2\n"}, refused="upgrade gittrack"),
    Case("large format", beside={"format.yaml": format_file() + b"#" * (2 << 20)}, refused="too large"),
    Case("large README", beside={"README.md": b"#" * (2 << 20)}, refused="too large"),
    Case(
        "large list of runs",
        beside={"runs": {"ab": {f"{number:0250}": b"" for number in range(64_000)}}},
        refused="list of",
    ),
    Case("no format", beside={"format.yaml": b"x"}, refused="no branch of runs"),
]


def write(repo: Path, node: Node) -> tuple[str, str, str]:
    """Write a node, by ways that git does not check; return its mode, kind and id."""
    if isinstance(node, tuple):
        mode, kind, content = node
        return mode, kind, content if kind == "commit" else blob(repo, content.encode())
    if isinstance(node, bytes):
        return "100644", BLOB, blob(repo, node)
    raw = []
    written: dict[int, tuple[str, str, str]] = {}
    for name, below in node.items():
        mode, kind, oid = written.get(id(below)) or written.setdefault(id(below), write(repo, below))
        encoded = name.encode("utf-8", "surrogateescape")
        key = encoded + b"/" if kind == "tree" else encoded
        raw.append((key, b"%s %s\0%s" % (mode.lstrip("0").encode(), encoded, bytes.fromhex(oid))))
    data = b"".join(entry for _, entry in sorted(raw))
    return "40000", "tree", git_out(repo, "hash-object", "--literally", "-t", "tree", "-w", "--stdin", stdin=data)


def blob(repo: Path, data: bytes) -> str:
    return git_out(repo, "hash-object", "-w", "--stdin", stdin=data)


def attack(hub: Hub, case: Case) -> None:
    """Put a good run and a bad one on the branch of the hub, and whatever the case has beside them."""
    top: dict[str, Node] = {"format.yaml": format_file(), "README.md": readme_file(), "runs": {}}
    runs = top["runs"]
    assert isinstance(runs, dict)
    for name in ("first", "second"):
        runs[id_of(name)[:2]] = {id_of(name): {"run.yaml": next(iter(run_files(id_of(name), name).values()))}}
    runs[BAD[:2]] = {BAD: {"run.yaml": case.record, **case.inside}}
    top.update(case.beside)
    tree = write(hub.path, top)[2]
    commit = git_out(hub.path, "commit-tree", tree, "-m", "harmless")
    git_out(hub.path, "update-ref", "refs/heads/gittrack/runs", commit)


def everything(folder: Path) -> dict[str, str]:
    """Path and content of each file, but for the git directory's own."""
    found = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("objects", "gittrack")]
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found[path] = hashlib.sha256(file.read()).hexdigest()
    return found


@pytest.fixture
def victim(hub: Hub) -> Clone:
    """A clone with one run of its own."""
    clone = hub.clone("victim")
    clone.record("first")
    return clone


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_branch(hub: Hub, victim: Clone, tmp_path: Path, case: Case) -> None:
    attack(hub, case)
    mine = victim.files()
    before = everything(tmp_path)

    if case.git or case.refused:
        with pytest.raises(GittrackError, match=case.refused or None) as caught:
            victim.pull()
        assert isinstance(caught.value, TransportError) is case.git
        assert victim.files() == mine
        assert victim.names() == ["first"]
    else:
        news = victim.pull().received.news
        assert [refused.run for refused in news.refused] == ["" if case.beside else BAD], news.refused
        assert victim.names() == ["bad", "first", "second"] if case.beside else ["first", "second"]
        assert mine < victim.files()
        reasons = (victim.path / ".git/gittrack/quarantine").glob("*/note.txt")
        assert sum(1 for _ in reasons) == 1

    changed = {path for path, content in everything(tmp_path).items() if before.get(path) != content}
    assert {path for path in changed if f"{os.sep}refs{os.sep}" not in path} == set()


def test_what_was_left_out_is_told_once_and_goes_no_further(hub: Hub, victim: Clone, gittrack: Gittrack) -> None:
    attack(hub, Case("executable", artifact("run.sh", ("100755", BLOB, "rm -rf /"))))

    assert len(victim.sync().received.news.refused) == 1
    again = victim.sync()

    assert again.received.news.refused == set()
    told = json.loads(gittrack("check", "--json", cwd=victim.path).out)
    assert (told["problems"], [note["run"] for note in told["notes"]]) == ([], [BAD])
    assert hub.tree() == victim.tree()
    assert not [path for path, _ in victim.files() if BAD in path]
