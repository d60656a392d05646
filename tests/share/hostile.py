"""Runs that somebody made by hand to do harm, by families; each is a folder of its own on one branch."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from gittrack.codec.paths import RECORD, later_stem, run_directory
from tests.share.conftest import id_of, run_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.git.store import ObjectStore


class Raw(NamedTuple):
    """An entry as no recorder writes one: mode, kind and content, or the id of an object that need not be there."""

    mode: bytes
    kind: str = "blob"
    content: bytes = b"x"
    oid: str = ""


class Listing(NamedTuple):
    """A folder as its bytes; `{}` where the 20 bytes of the id of a file belong."""

    raw: bytes


Node: TypeAlias = "dict[str, Node] | bytes | Raw | Listing"


@dataclass(frozen=True)
class Hostile:
    """A run whose folder holds `inside` beside `record`; `id` is its own."""

    name: str
    inside: dict[str, Node]
    record: bytes | None = None

    @property
    def id(self) -> str:
        return id_of(self.name)

    def folder(self) -> dict[str, Node]:
        record = good_record(self.name) if self.record is None else self.record
        return {RECORD: record, **self.inside}


def good_record(name: str) -> bytes:
    return run_files(id_of(name), name)[f"{run_directory(id_of(name))}/{RECORD}"]


DEVICES: Final = (
    *("con", "CON", "prn.txt", "aux", "nul", "NUL.tar.gz", "com1", "COM9.log", "lpt1", "lpt9.x"),
    *("com\u00b9", "COM\u00b2.txt", "lpt\u00b3", "conin$", "CONOUT$", "con .txt", "nul."),
)
DOT_GIT: Final = (
    *(".git", ".GIT", ".gIt", "git~1", "GIT~1", ".git ", ".git.", ".git . .", ".git::$INDEX_ALLOCATION", ".git:x"),
    *(".g\u200cit", ".gi\u200dt", "\u200e.git", ".git\u200f", ".g\u202ait", "\ufeff.git", ".\u206agit"),
    *(".GI\u200cT", "\u202e.git", ".git\\config", "\\.git"),
)
CONTROLS: Final = (
    *("a\nb", "a\rb", "\x1b[31m", "\x1b]0;title\x07", "\x1b]52;c;eA==\x07", "a\tb", "a\x7fb", "\x9b31m", "a\x85b"),
    *(
        "a\u2028b",
        "a\u2029b",
        "a\u202eb",
        "a\u202db",
        "a\u2066b",
        "a\u2069b",
        "a\u061cb",
        "a\x01",
    ),
)
WRITTEN: Final = (
    *(
        "..",
        ".",
        "..\\..\\x",
        "C:\\x",
        "C:x",
        "a:b",
        "a*b",
        "a?b",
        'a"b',
        "a<b",
        "a>b",
        "a|b",
        "a.",
        "a ",
        "\\\\server\\x",
    ),
    *("x" * 256, "\u00e9" * 128, "\udcff", "\udcc3(", "\udced\udca0\udc80", ". .", "... "),
)
NAMES: Final = (*DEVICES, *DOT_GIT, *CONTROLS, *WRITTEN)


def named() -> Iterator[Hostile]:
    """Names that are a place elsewhere, another file, or a command to a terminal."""
    for number, name in enumerate(NAMES):
        yield Hostile(f"artifact {number}", {"artifacts": {name: b"x"}})
        yield Hostile(f"folder {number}", {"artifacts": {"sub": {name: {"config": b"x"}}}})
        yield Hostile(f"beside the record {number}", {name: b"x"})
        yield Hostile(
            f"metric {number}", {"metrics": {f"{name}.tsv": b"step\tseconds\tvalue\n"} if ends(name) else {name: b""}}
        )


def ends(name: str) -> bool:
    """Whether the name is still harmful with an ending after it."""
    return name in DEVICES[:3] or name in CONTROLS or "\\" in name or ":" in name


def of_modes() -> Iterator[Hostile]:
    """Links, programs, submodules, and modes that git never writes."""
    modes = (b"120000", b"100755", b"100664", b"100600", b"100777", b"104755", b"140000", b"60000", b"10644", b"100000")
    for mode in modes:
        entry = Raw(mode, content=b"../../../../.git/hooks/post-checkout")
        yield Hostile(f"mode {mode!r} of an artifact", {"artifacts": {"x": entry}})
        yield Hostile(f"mode {mode!r} of the output", {"output.log": entry})
        yield Hostile(f"mode {mode!r} of the record", {RECORD: entry})
        yield Hostile(f"mode {mode!r} of a folder", {"metrics": entry})
    for mode in (b"040000", b"0100644", b"", b"9", b"-40000", b"1_00644", b"777777777"):
        yield Hostile(f"digits {mode!r}", {"artifacts": Listing(mode + b" x\0{}")})
    submodule = Raw(b"160000", oid="1" * 40)
    yield Hostile("submodule", {"artifacts": {"x": submodule}})
    yield Hostile("submodule as a folder", {"artifacts": submodule})
    yield Hostile("submodule as the record", {RECORD: submodule})
    yield Hostile("a tree called a file", {"artifacts": {"x": Raw(b"100644", "tree", b"")}})
    yield Hostile("a file called a tree", {"artifacts": Raw(b"40000")})
    yield Hostile(
        "a commit called a file", {"artifacts": {"x": Raw(b"100644", "commit", b"tree " + b"4" * 40 + b"\n\n")}}
    )
    for place in (RECORD, "output.log", "metrics"):
        yield Hostile(f"missing {place}", {place: Raw(b"40000" if place == "metrics" else b"100644", oid="ab" * 20)})
        yield Hostile(f"no id for {place}", {place: Raw(b"40000" if place == "metrics" else b"100644", oid="0" * 40)})


def of_listings() -> Iterator[Hostile]:
    """Folders that are no folders."""
    file, folder = b"100644 %s\0{}", b"40000 %s\0{}"
    for name, raw in {
        "unsorted": file % b"b" + file % b"a",
        "twice": file % b"a" + file % b"a",
        "a file and a folder of one name": file % b"a" + folder % b"a",
        "a slash": file % b"a/b",
        "a slash before": file % b"/etc/passwd",
        "dots and slashes": file % b"../../../x",
        "no name": file % b"",
        "cut short": (file % b"a")[:-2] + b"abc",
        "bytes after": file % b"a" + b"xyz",
        "no end of the name": b"100644 a",
        "no space": b"100644a\0{}",
        "nothing": b"",
        "zeros": b"\0" * 100,
        "unsorted as folders are": folder % b"a" + file % b"a.b",
    }.items():
        yield Hostile(f"listing: {name}", {"artifacts": Listing(raw)})
    yield Hostile("deep", {"artifacts": deep(40)})
    yield Hostile("deep and narrow", {"artifacts": deep(200, "d" * 30)})
    yield Hostile("a bomb of folders", {"artifacts": bomb(9)})
    yield Hostile("a bomb of files", {"metrics": bomb(7)})
    yield Hostile("an empty folder", {"artifacts": {}})
    yield Hostile("an empty folder below", {"artifacts": {"a": {"b": {}}}})


def deep(levels: int, name: str = "d" * 200) -> Node:
    node: Node = b"x"
    for _ in range(levels):
        node = {name: node}
    return node


def bomb(levels: int) -> Node:
    node: Node = b"x"
    for _ in range(levels):
        node = {f"d{number}": node for number in range(10)}
    return node


def of_collisions() -> Iterator[Hostile]:
    """Names that are one on some disks."""
    pairs = (
        *(
            ("Model", "model"),
            ("MODEL.bin", "model.BIN"),
            ("\u00e9", "e\u0301"),
            ("\u00c9", "\u00e9"),
            ("\u00df", "ss"),
        ),
        *(("\ufb01", "fi"), ("\u03c3", "\u03c2"), ("\u212b", "\u00e5"), ("\u1e9e", "ss"), ("\u0130", "i\u0307")),
        *(("K", "\u212a"), ("\uac00", "\u1100\u1161"), ("\u017f", "s")),
    )
    for one, other in pairs:
        yield Hostile(f"files {one} {other}", {"artifacts": {one: b"1", other: b"2"}})
        yield Hostile(f"folders {one} {other}", {"artifacts": {one: {"a": b"1"}, other: {"b": b"2"}}})
        yield Hostile(f"a file and a folder {one} {other}", {"artifacts": {one: b"1", other: {"a": b"2"}}})
    yield Hostile("two records", {RECORD.upper(): b"x"})
    yield Hostile("two folders of artifacts", {"artifacts": {"a": b"1"}, "Artifacts": {"a": b"2"}})


def of_strangers() -> Iterator[Hostile]:
    """Files that do not belong to a run."""
    for name in (
        "setup.py",
        "Makefile",
        ".gitattributes",
        ".gitmodules",
        ".gitignore",
        ".envrc",
        "run.yml",
        "run.yaml~",
    ):
        yield Hostile(f"stranger {name}", {name: b"x"})
    for place in ("environment", "metrics", "later", "conflicts", "hooks", "rewrites", "purged"):
        yield Hostile(f"stranger in {place}", {place: {"x.sh": b"x"}})
    for stem in ("1-0", "00000001", "-0000001-" + "0" * 16, "00000001-" + "g" * 16, "9" * 30 + "-" + "0" * 16):
        yield Hostile(f"later {stem}", {"later": {f"{stem}.yaml": b"tags: {a: b}\n"}})
    name, other = "1" * 40, hashlib.sha1(b"blob 1\0x").hexdigest()  # noqa: S324 - it is git's
    yield Hostile("conflict of another blob", {"conflicts": {name: {"1": {"output.log": b"x"}}}})
    yield Hostile("conflict of another depth", {"conflicts": {other: {"2": {"output.log": b"x"}}}})
    yield Hostile("conflict elsewhere", {"conflicts": {other: {"1": {"evil.sh": b"x"}}}})
    yield Hostile("conflict in a conflict", {"conflicts": {other: {"1": {"conflicts": {other: {"1": {"x": b"x"}}}}}}})


def of_sizes() -> Iterator[Hostile]:
    """What takes more room than it seems to."""
    yield Hostile("a large artifact", {"artifacts": {"x": bytes(200_000)}})
    yield Hostile("a large output", {"output.log": bytes(3 << 20)})
    yield Hostile("a large later output", {"later": {f"00000001-{'0' * 16}": {"output.log": bytes(3 << 20)}}})
    yield Hostile("a record that inflates", {}, good_record("a record that inflates") + b"#" * (20 << 20))
    yield Hostile("many files", {"artifacts": {f"{number}": b"x" for number in range(100_001)}})


def of_records() -> Iterator[Hostile]:
    """Records that are no records, or do something to who reads them."""
    for number, more in enumerate(MORE):
        name = f"more {number}"
        yield Hostile(name, {}, good_record(name) + more)
        yield Hostile(f"{name} later", {"later": {later_stem(1, more).partition("/")[2] + ".yaml": more}})
    for number, whole in enumerate(WHOLE):
        yield Hostile(f"whole {number}", {}, whole)
    for number, (old, new) in enumerate(CHANGED):
        name = f"changed {number}"
        record = good_record(name)
        assert old in record, old
        yield Hostile(name, {}, record.replace(old, new, 1))
    yield Hostile("a run of another", {}, good_record("another"))
    good = b"tags: {a: b}\n"
    for lamport in (2000, 10**9, 10**14, 10**15 - 1):
        yield Hostile(f"clock {lamport}", {"later": {later_stem(lamport, good).partition("/")[2] + ".yaml": good}})
    yield Hostile("a hash of something else", {"later": {f"00000001-{'0' * 16}.yaml": good}})
    yield Hostile("a folder as the record", {RECORD: {"a": b"x"}})


_BOMB: Final = b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (c, c, c - 1, c - 1) for c in range(98, 122))
MORE: Final = (
    b"description: !!python/object/apply:os.system ['touch x']\n",
    b"description: !!python/name:os.system\n",
    b"description: !!python/object/new:subprocess.Popen [[touch, x]]\n",
    b"description: !evil x\n",
    b"description: !!int x\n",
    b"params: !!set {a, b}\n",
    b"params: !!omap [a: 1]\n",
    _BOMB,
    b"params: &a {a: *a}\n",
    b"params: {<<: &x {a: 1}, b: *x}\n",
    b"params: " + b"[" * 5000 + b"]" * 5000 + b"\n",
    b"params: " + b"{a: " * 5000 + b"1" + b"}" * 5000 + b"\n",
    b"params:\n" + b"".join(b" " * n + b"a:\n" for n in range(1, 1500)),
    b"params: {a: " + b"9" * 20_000 + b"}\n",
    b"params: {a: 0x" + b"f" * 20_000 + b"}\n",
    b"params: {a: " + b":".join([b"59"] * 3000) + b"}\n",
    b"params: [1, 2]\n",
    b"params: text\n",
    b"tags: {a: {b: c}}\n",
    b"tags: [a]\n",
    b"metrics: {loss: 1}\n",
    b"metrics: {loss: {last: x}}\n",
    b"metrics: {loss: {last: 1, step: 1, min: 1, max: 1, count: 1, file: ../../x}}\n",
    b"artifacts: [{path: ../../x, size: 1, sha256: " + b"0" * 64 + b"}]\n",
    b"artifacts: [{path: /etc/passwd, size: 1, sha256: " + b"0" * 64 + b"}]\n",
    b"artifacts: [{path: a, size: 1, sha256: " + b"0" * 64 + b", file: ../b}]\n",
    b"artifacts: {a: b}\n",
    b"notes: [text]\n",
    b"notes: [{time: never, text: a}]\n",
    b"status: exploded\n",
    b"status: [finished]\n",
    b"end: '+99999999-01-01T00:00:00.000Z'\n",
    b"end: yesterday\n",
    b"deleted: 'yes of course'\n",
    b"inputs: [{name: 1}]\n",
    b"purged: [--output=x]\n",
    b"journal: {a: b}\n",
    b"name: [a]\n",
    b"name: {a: b}\n",
    b"by: {name: [x]}\n",
    b"? [a, b]\n: c\n",
    b"\x00\n",
    b"description: \xff\xfe\n",
    b"%YAML 9.9\n---\n",
    b"description: 'unended\n",
    b"\tdescription: x\n",
)
WHOLE: Final = (
    *(b"", b"\n", b"null\n", b"[]\n", b"text\n", b"1\n", b"{}\n", b"a: b\n", b"\xff\xfe: : :\n\t- [", b"\0" * 4096),
    *(b"<html></html>\n", b"version https://git-lfs.github.com/spec/v1\n", os.fsencode("\u202e: x\n"), b"- id: x\n"),
    *(
        "id: x\n".encode("utf-16"),
        "id: x\n".encode("utf-32"),
        b"\xef\xbb\xbf",
        b"#" * 100_000,
        b"id: " + b"a" * 32 + b"\n",
    ),
    *(
        b"&a [*a]\n",
        b"!!python/object/apply:os.abort []\n",
        b"[" * 100_000,
        b"? " * 10_000,
        b"- " * 10_000,
        b"'" * 9999,
    ),
)
CHANGED: Final = (
    (b"commit: null", b"commit: --output=/tmp/x"),
    (b"commit: null", b"commit: HEAD"),
    (b"commit: null", b"commit: " + b"a" * 39),
    (b"commit: null", b"commit: 'a\\nb'"),
    (b"commit: null", b"commit: [x]"),
    (b"start: '2025", b"start: '99999"),
    (b"start: '2025", b"start: 'x"),
    (b"start: '2025", b"start: !!timestamp '2025"),
    (b"id: ", b"id: ../"),
    (b"id: ", b"id: 0"),
    (b"id: ", b"not: "),
    (b"status: finished", b"status: &x finished\ntags: {a: *x}"),
)


def families() -> list[Hostile]:
    """Everything above."""
    makers = (named, of_modes, of_listings, of_collisions, of_strangers, of_sizes, of_records)
    return [hostile for make in makers for hostile in make()]


# Written past everything that checks


def write(store: ObjectStore, node: Node) -> tuple[bytes, str]:
    """Write a node; return its mode and id."""
    return _Writer(store).write(node)


class _Writer:
    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._written: dict[int, tuple[bytes, str]] = {}

    def write(self, node: Node) -> tuple[bytes, str]:
        found = self._written.get(id(node))
        if found is None:
            found = self._written[id(node)] = self._write(node)
        return found

    def _write(self, node: Node) -> tuple[bytes, str]:
        if isinstance(node, Raw):
            return node.mode, node.oid or self._store.write(node.kind, node.content)
        if isinstance(node, bytes):
            return b"100644", self._store.write("blob", node)
        if isinstance(node, Listing):
            file = bytes.fromhex(self._store.write("blob", b"x"))
            return b"40000", self._store.write("tree", node.raw.replace(b"{}", file))
        return b"40000", self._store.write("tree", self._tree(node))

    def _tree(self, node: dict[str, Node]) -> bytes:
        raw = []
        for name, below in node.items():
            mode, oid = self.write(below)
            encoded = name.encode("utf-8", "surrogateescape")
            key = encoded + b"/" if mode == b"40000" else encoded
            raw.append((key, b"%s %s\0%s" % (mode, encoded, bytes.fromhex(oid))))
        return b"".join(entry for _, entry in sorted(raw))
