"""Some six hundred runs made to do harm: each is left out with a reason, and every other run is readable.

They are written into the database past git's own checks, so that what is tested is what gittrack finds by itself.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from gittrack.cli.render import visible
from gittrack.codec.paths import format_file, readme_file, run_directory
from gittrack.codec.record import record_to_plain
from gittrack.codec.text import to_yaml
from gittrack.git.branch import commit_bytes
from gittrack.git.store import ObjectStore
from gittrack.model import Author, Code, Note, Record, Start
from gittrack.project import open_project
from gittrack.share.receive import _unite
from gittrack.share.received import Received
from tests.share.conftest import SILENT, START, git_out, id_of
from tests.share.hostile import CONTROLS, Hostile, families, good_record, of_collisions, of_records, of_strangers, write
from tests.share.test_hostile import everything

if TYPE_CHECKING:
    from pathlib import Path

    from gittrack.project import Project
    from tests.conftest import Gittrack, Result
    from tests.share.conftest import Hub
    from tests.share.hostile import Node

GOOD = ("first", "second", "third")


def plant(project: Project, hostile: list[Hostile]) -> str:
    """Write a branch that has them all, and good runs among them; return its commit."""
    shards: dict[str, dict[str, Node]] = {}
    for name in GOOD:
        shards.setdefault(id_of(name)[:2], {})[id_of(name)] = {"run.yaml": good_record(name)}
    for item in hostile:
        shards.setdefault(item.id[:2], {})[item.id] = item.folder()
    top: dict[str, Node] = {"format.yaml": format_file(), "README.md": readme_file(), "runs": {**shards}}
    with ObjectStore(project.repo) as store:
        tree = write(store, top)[1]
        who = (project.author, time.time())
        commit = store.write("commit", commit_bytes(tree, [], "harmless\n", who, who))
        store.sync()
        store.confirm()
    return commit


def test_each_is_left_out_with_a_reason_and_the_others_are_readable(hub: Hub, tmp_path: Path) -> None:
    victim = hub.clone("victim")
    victim.record("mine")
    hostile = families()
    assert len({item.id for item in hostile}) == len(hostile) >= 300
    tip = plant(victim.project, hostile)
    before = everything(tmp_path)
    received = Received()

    _unite(victim.project, tip, SILENT, received)

    reasons = {refused.run: refused.reason for refused in received.news.refused}
    admitted = [item.name for item in hostile if item.id not in reasons]
    assert admitted == []
    assert reasons.keys() == {item.id for item in hostile}
    assert victim.names() == sorted((*GOOD, "mine"))
    assert not [name for name, reason in reasons.items() if not reason]
    quarantine = victim.path / ".git/gittrack/quarantine"
    assert {path.name for path in quarantine.iterdir()} == reasons.keys()
    assert all(
        visible(note) == note for path in quarantine.iterdir() for note in (path / "note.txt").read_text().splitlines()
    )
    changed = {path for path, content in everything(tmp_path).items() if before.get(path) != content}
    assert {path for path in changed if "/.git/refs/heads/gittrack/" not in path} == set()


def harmless(result: Result) -> Result:
    """Nothing that a terminal would obey."""
    for line in (*result.out.split("\n"), *result.err.split("\n")):
        assert visible(line) == line.replace("\t", "\\t"), line
    return result


def test_what_git_lets_through_is_told_without_doing_harm(hub: Hub, tmp_path: Path, gittrack: Gittrack) -> None:
    victim = hub.clone("victim")
    victim.record("mine")
    named = [Hostile(f"control {number}", {"artifacts": {name: b"x"}}) for number, name in enumerate(CONTROLS)]
    hostile = [*named, *of_strangers(), *of_collisions(), *of_records()]
    there = open_project(hub.path)
    update = ["update-ref", "refs/heads/gittrack/runs", plant(there, hostile)]
    git_out(hub.path, *update)
    before = everything(tmp_path)

    pulled = harmless(gittrack("pull", cwd=victim.path))

    assert (pulled.code, pulled.out) == (0, "received 3 runs from origin\n")
    assert f"warning: {len(hostile) - 10} more were left out" in pulled.err
    assert victim.names() == sorted((*GOOD, "mine"))
    listed = harmless(gittrack("log", "--oneline", cwd=victim.path))
    assert sorted(line.split()[1] for line in listed.out.splitlines()) == sorted((*GOOD, "mine"))
    # The other side's commit is a parent of the union, so there is a note on each run that it had.
    checked = harmless(gittrack("check", cwd=victim.path))
    assert (checked.code, "Traceback" in checked.err, "left it out" in checked.out) == (0, False, True)
    assert harmless(gittrack("sync", cwd=victim.path)).code == 0
    kept = {path.split("/")[2] for path, _ in victim.files() if path.startswith("runs/")}
    assert kept == {id_of(name) for name in (*GOOD, "mine")}
    changed = {path for path, content in everything(tmp_path).items() if before.get(path) != content}
    assert {path for path in changed if "/refs/" not in path} == set()


EVIL = "\x1b]52;c;eA==\x07\x1b[2J\u202ecod.exe\x9b31m"


def test_what_a_sound_run_says_is_not_printed_raw(hub: Hub, gittrack: Gittrack) -> None:
    victim, other = hub.clone("victim"), hub.clone("other")
    folder = run_directory(id_of("evil"))
    start = Start(id_of("evil"), "evil", START, author=Author("Ada Example", "ada@example.com"), host=EVIL, user=EVIL)
    start = replace(start, command=("python", EVIL), code=Code(None, branch=EVIL, directory=EVIL, entry=EVIL))
    note = Note(EVIL, START, Author(EVIL, EVIL))
    record = Record(
        start=start,
        status="failed",
        end=START + 1,
        error=EVIL,
        description=EVIL,
        params={"p": EVIL, "q": [EVIL]},
        tags={"t": EVIL},
        notes=(note,),
        output=("output.log",),
        warnings=(EVIL,),
    )
    files = {f"{folder}/run.yaml": to_yaml(record_to_plain(record)), f"{folder}/output.log": EVIL.encode()}
    other.commit(lambda _: files)
    assert not other.push().rejected
    victim.record("mine")

    assert harmless(gittrack("pull", cwd=victim.path)).code == 0

    for words in (
        ("log",),
        ("log", "--columns", "params.p,tags.t,host,user"),
        ("show", "evil"),
        ("show", "evil", "--json"),
        ("compare", "evil", "mine"),
        ("diff", "evil", "mine"),
        ("check",),
    ):
        shown = harmless(gittrack(*words, cwd=victim.path))
        assert "Traceback" not in shown.err
        assert shown.code in (0, 1), (words, shown)
