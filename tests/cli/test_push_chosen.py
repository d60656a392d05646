"""`gittrack push` of some runs alone, and what push, pull and sync tell programs, with real bare repositories."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cli.test_share import RUNS, hook, names, record, refs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack


def id_of(gittrack: Gittrack, name: str) -> str:
    found: str = json.loads(gittrack("show", name, "--json").out)["id"]
    return found


def runs_at(git: Git, path: Path) -> set[str]:
    """The ids of the runs on a branch."""
    lines = git("ls-tree", "-r", "-d", "--name-only", RUNS, "runs/", cwd=path).splitlines()
    return {line.split("/")[2] for line in lines if line.count("/") == 2}


def test_only_the_chosen_runs_and_their_pins_go(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    record(gittrack, "clean")
    (repo / "train.py").write_text("changed\n")
    record(gittrack, "dirty")
    git("commit", "-qam", "Another commit", cwd=repo)
    record(gittrack, "other")
    before = refs(git, repo)
    snapshot = json.loads(gittrack("show", "dirty", "--json").out)["code"]["snapshot"]

    sent = gittrack("push", "dirty")

    assert (sent.code, sent.err) == (0, "")
    assert sent.out.splitlines()[1:] == [
        "sent gittrack/runs to origin (new)",
        "sent refs/gittrack/code to origin (new)",
        "sent refs/gittrack/snapshots to origin (new)",
    ]
    assert runs_at(git, hub) == {id_of(gittrack, "dirty")}
    short = id_of(gittrack, "dirty")[:8]
    assert git("log", "--format=%s", RUNS, cwd=hub) == f"send {short} dirty\n"
    assert snapshot in git("rev-list", "refs/gittrack/snapshots", cwd=hub)
    assert git("rev-parse", "main", cwd=repo).strip() not in git("rev-list", "refs/gittrack/code", cwd=hub)
    mine = {ref: oid for ref, oid in refs(git, repo).items() if not ref.startswith("refs/remotes/")}
    assert mine == before, "no ref here moves"
    assert gittrack("push", "dirty").out == "origin has all of that\n"
    assert gittrack("push", "clean", "other").code == 0
    assert git("log", "-1", "--format=%s", RUNS, cwd=hub) == "send 2 runs\n"
    git("clone", "-q", str(hub), "../other")
    assert gittrack("pull", cwd=repo.parent / "other").code == 0
    assert gittrack("sync").code == 0
    assert gittrack("sync", cwd=repo.parent / "other").code == 0
    trees = {git("rev-parse", f"{RUNS}^{{tree}}", cwd=path) for path in (repo, hub, repo.parent / "other")}
    assert len(trees) == 1
    assert gittrack("check").code == gittrack("check", cwd=repo.parent / "other").code == 0


def test_chosen_runs_go_on_top_of_those_of_others(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    record(gittrack, "first")
    assert gittrack("push").code == 0
    git("clone", "-q", str(hub), "../other")
    other = repo.parent / "other"
    record(gittrack, "theirs", other)
    assert gittrack("push", cwd=other).code == 0
    record(gittrack, "mine")
    record(gittrack, "private")
    assert gittrack("tag", "first", "stage=final").code == 0

    sent = gittrack("push", "origin", "mine", "first", "--json")

    assert sent.code == 0, sent.err
    told = json.loads(sent.out)
    assert sorted(told["sent"]) == sorted([id_of(gittrack, "mine"), id_of(gittrack, "first")])
    assert told["refs"][0]["state"] == "moved"
    assert names(gittrack) == ["first", "mine", "private"], "nothing was taken in"
    assert id_of(gittrack, "private") not in runs_at(git, hub)
    received = gittrack("pull", "--json", cwd=other)
    told = json.loads(received.out)
    assert (told["received"], told["received_more"]) == ([id_of(gittrack, "mine")], [id_of(gittrack, "first")])
    assert names(gittrack, other) == ["first", "mine", "theirs"]
    assert "final" in gittrack("show", "first", cwd=other).out


def test_others_are_faster_than_the_chosen_runs(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    record(gittrack, "first")
    assert gittrack("push").code == 0
    git("clone", "-q", str(hub), "../other")
    record(gittrack, "theirs", repo.parent / "other")
    record(gittrack, "mine")
    # The other clone's push arrives between what this one has looked at and its own push.
    late = f"rm hooks/pre-receive; unset GIT_QUARANTINE_PATH; git fetch -q {repo.parent / 'other'} +{RUNS}:{RUNS}"
    hook(hub, f"env -u GIT_OBJECT_DIRECTORY -u GIT_ALTERNATE_OBJECT_DIRECTORIES sh -c '{late}'")

    sent = gittrack("push", "mine")

    assert sent.code == 0, sent.err
    assert runs_at(git, hub) == {
        id_of(gittrack, "first"),
        id_of(gittrack, "mine"),
        json.loads(gittrack("show", "theirs", "--json", cwd=repo.parent / "other").out)["id"],
    }


def test_runs_that_a_filter_means(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    git("push", "-q", "origin", "main")
    record(gittrack, "good")
    record(gittrack, "bad")

    sent = gittrack("push", "--where", "name = 'good'")

    assert sent.code == 0, sent.err
    assert runs_at(git, hub) == {id_of(gittrack, "good")}
    none = gittrack("push", "--where", "name = 'none'")
    assert (none.code, "no run that has ended meets that" in none.err) == (1, True)
    both = gittrack("push", "good", "--where", "name = 'good'")
    assert (both.code, "have no place beside them" in both.err) == (2, True)


def test_a_word_is_a_remote_or_a_run(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    git("push", "-q", "origin", "main")
    (repo / "results").mkdir()
    for name in ("results", "origin", "third"):
        record(gittrack, name)

    unclear = gittrack("push", "results")
    assert (unclear.code, "is a folder and a run" in unclear.err) == (2, True)
    assert gittrack("push", "--", "results").code == 0
    assert runs_at(git, hub) == {id_of(gittrack, "results")}
    assert gittrack("push", "origin", "--", "origin").code == 0
    assert runs_at(git, hub) == {id_of(gittrack, "results"), id_of(gittrack, "origin")}
    nowhere = gittrack("push", "nowhere")
    assert (nowhere.code, "no remote is called so either (there is origin)" in nowhere.err) == (2, True)
    assert gittrack("push", "origin").code == 0
    assert id_of(gittrack, "third") in runs_at(git, hub)


def test_a_chosen_run_that_others_purged_stays_out(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    record(gittrack, "kept")
    record(gittrack, "doomed")
    doomed = id_of(gittrack, "doomed")
    assert gittrack("push").code == 0
    git("clone", "-q", str(hub), "../other")
    other = repo.parent / "other"
    assert gittrack("pull", cwd=other).code == 0
    assert gittrack("purge", "-y", "doomed").code == 0
    git("push", "-q", "--force", "origin", RUNS)

    sent = gittrack("push", doomed, cwd=other)

    assert (sent.code, f"run {doomed[:8]} was purged by others and is not sent" in sent.err) == (0, True), sent.err
    assert doomed not in runs_at(git, hub)


def test_a_remote_that_is_no_branch_of_runs_gets_nothing(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    record(gittrack, "one")
    git("push", "-q", "origin", "main", "main:gittrack/runs")

    refused = gittrack("push", "one")

    assert (refused.code, "no branch of runs" in refused.err) == (1, True)
    assert git("rev-parse", RUNS, cwd=hub) == git("rev-parse", "main", cwd=repo)


def test_what_a_pull_tells_programs(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    record(gittrack, "one")
    pushed = json.loads(gittrack("push", "--json").out)
    assert pushed["sent"] == [id_of(gittrack, "one")]
    assert {item["ref"]: item["state"] for item in pushed["refs"]} == {
        "refs/heads/main": "new",
        RUNS: "new",
        "refs/gittrack/code": "new",
    }
    record(gittrack, "two")
    assert json.loads(gittrack("sync", "--json").out)["sent"] == [id_of(gittrack, "two")]
    git("clone", "-q", str(hub), "../other")
    pulled = json.loads(gittrack("pull", "--json", cwd=repo.parent / "other").out)
    assert sorted(pulled["received"]) == sorted([id_of(gittrack, "one"), id_of(gittrack, "two")])
    assert pulled["received_pins"] == ["refs/gittrack/code"]
    assert (pulled["remote"], pulled["refs"], pulled["quarantined"]) == ("origin", [], [])
