"""Whose the files are: shared repositories with two users in them, somebody else's, and one that cannot be written.

Root is made an ordinary user by taking its capabilities away, the second user is another uid that may at most
read what it is not allowed to: so the temporary folders of the tests, closed to others, need no other place.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from gittrack.record import liveness
from tests.conftest import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Git, Result
    from tests.repositories.conftest import Cycle

GROUP = 54321
POWERLESS = ("--inh-caps=-all", "--bounding-set=-all")
READER = "+dac_read_search"
FIRST = ("--regid", str(GROUP), "--clear-groups", *POWERLESS)
SECOND = (
    *("--reuid", "54322", "--regid", "54322", "--groups", str(GROUP)),
    *(f"--inh-caps={READER}", f"--ambient-caps={READER}", f"--bounding-set=-all,{READER}"),
    "--securebits=+no_setuid_fixup",  # or access(2) would not know of the capability
)


GITTRACK = ("-m", "gittrack")
TRUSTING = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}


def as_user(who: tuple[str, ...], *words: str | Path, here: Path) -> Result:
    """Run Python as one of the users, who trusts every repository and keeps what is made to themselves."""
    private = ["sh", "-c", 'umask 077; exec "$@"', "sh"]
    return run(["setpriv", *who, *private, sys.executable, *words], cwd=here, env=TRUSTING)


@pytest.fixture
def root() -> None:
    """Skip who cannot become somebody else."""
    if not hasattr(os, "getuid") or os.getuid() != 0:
        pytest.skip("needs root, to become another user")
    if run(["setpriv", *SECOND, "true"]).code:
        pytest.skip("needs setpriv of util-linux and the right to change user and capabilities")


def made(folder: Path) -> Iterator[tuple[str, bool, int]]:
    """(path, whether it is a folder, mode) of everything in a folder."""
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        yield str(path.relative_to(folder)), stat.S_ISDIR(status.st_mode), stat.S_IMODE(status.st_mode)


@pytest.fixture
def shared(repo: Path, git: Git, request: pytest.FixtureRequest) -> Path:
    """A repository shared as core.sharedRepository says, made as git makes it, of the group of both users."""
    git("init", "-q", f"--shared={request.param}", cwd=repo)
    for path in (repo / ".git", *(repo / ".git").rglob("*")):
        os.chown(path, 0, GROUP)
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | (0o2070 if path.is_dir() else 0o060 if mode & 0o200 else 0o040))
    return repo


@pytest.mark.parametrize("shared", ["group", "0660", "0640", "all"], indirect=True)
def test_modes_of_what_is_made(shared: Path, cycle: Cycle, git: Git, request: pytest.FixtureRequest) -> None:
    """Everything has at least the modes that git gives its own files; under umask 077, which gives nobody any."""
    wanted = {"group": 0o060, "0660": 0o060, "0640": 0o040, "all": 0o064}[request.node.callspec.params["shared"]]
    before = {path for path, _, _ in made(shared / ".git")}
    old = os.umask(0o077)
    try:
        cycle(shared)
    finally:
        os.umask(old)
    wrong = []
    for path, is_folder, mode in made(shared / ".git"):
        bits = wanted if mode & 0o200 else wanted & 0o444
        bits |= (bits & 0o444) >> 2 | 0o2000 if is_folder else 0
        if path not in before and mode & bits != bits:
            wrong.append(f"{mode:o} {path}")
        if path not in before and wanted < 0o064 and mode & 0o007:
            wrong.append(f"{mode:o} {path}")
    assert sorted(wrong) == []


@pytest.mark.usefixtures("root")
def test_whoever_may_only_read_a_lock_sees_whether_it_is_held(tmp_path: Path) -> None:
    """Else a run that crashed would be shown to the readers of a repository as running for ever."""
    asks = "import sys; from gittrack.record.liveness import is_held; print(is_held(sys.argv[1]))"
    lock = tmp_path / "ab12.lock"
    liveness.hold(str(lock))
    lock.chmod(0o644)
    try:
        assert as_user(SECOND, "-c", asks, lock, here=tmp_path).out == "True\n"
    finally:
        liveness.release(str(lock))
    assert as_user(SECOND, "-c", asks, lock, here=tmp_path).out == "False\n"


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("shared", ["group", "0660"], indirect=True)
def test_two_users_record(shared: Path) -> None:
    """Each records, sees, tags and deletes the other's runs, and completes what the other's dead process left."""
    large = shared.parent / "large.bin"
    large.write_bytes(bytes(200_000))
    for round_ in range(2):
        for name, who in (("first", FIRST), ("second", SECOND)):
            artifact = ("--artifact", str(large), "--input", str(large), "--", "sh", "-c", f"echo {name}")
            done = as_user(who, *GITTRACK, "run", "--name", f"{name}{round_}", *artifact, here=shared)
            assert (done.code, done.out) == (0, f"{name}\n"), done.err
            assert "warning" not in done.err
    for name, who in (("first", SECOND), ("second", FIRST)):
        for words in (["tag", f"{name}1", "seen=yes"], ["rm", f"{name}0"], ["check"], ["doctor"]):
            done = as_user(who, *GITTRACK, *words, here=shared)
            assert (done.code, done.err.count("warning")) == (0, 0), f"{words}: {done.err}{done.out}"
    for who in (FIRST, SECOND):
        listed = json.loads(as_user(who, *GITTRACK, "log", "--json", here=shared).out)
        assert {run["name"]: run["tags"] for run in listed} == {"first1": {"seen": "yes"}, "second1": {"seen": "yes"}}


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("shared", ["group"], indirect=True)
@pytest.mark.parametrize(("dies", "looks"), [(FIRST, SECOND), (SECOND, FIRST)], ids=["second looks", "first looks"])
def test_the_other_user_recovers(shared: Path, dies: tuple[str, ...], looks: tuple[str, ...]) -> None:
    script = shared.parent / "dies.py"
    script.write_text(
        "import os, signal, gittrack\n"
        "gittrack.start_run('crash').log_metric('loss', 9.0)\n"
        "gittrack.log_text('small', 'notes.txt')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert as_user(dies, script, here=shared).code == -9
    listed = json.loads(as_user(looks, *GITTRACK, "log", "--json", here=shared).out)
    assert [(run["name"], run["status"]) for run in listed] == [("crash", "crashed")]
    assert "all is well" in as_user(looks, *GITTRACK, "check", here=shared).out
    assert not list((shared / ".git/gittrack/journal").glob("*/*"))


@pytest.mark.usefixtures("root")
def test_somebody_elses_repository(repo: Path) -> None:
    """What git refuses is refused in one sentence, with the way out."""
    for command in (["log"], ["run", "--", "true"], ["doctor"]):
        done = run(["setpriv", *SECOND, sys.executable, "-m", "gittrack", *command], cwd=repo)
        assert (done.code, done.out) == (1, "")
        assert done.err == (
            f"gittrack: error: git does not trust the repository at {repo}, which belongs to another user; "
            f"if you do, run: git config --global --add safe.directory {repo}\n"
        )


@pytest.mark.usefixtures("root")
def test_read_only(repo: Path) -> None:
    """Who may only read can look and check; what would write says so in one sentence, and starts nothing."""
    assert as_user(FIRST, *GITTRACK, "run", "--name", "first", "--", "true", here=repo).code == 0
    before = sorted(made(repo))
    for words, shown in (
        (["log"], "first"),
        (["log", "--json"], "first"),
        (["show", "first"], "first"),
        (["check"], "all is well"),
        (["doctor"], ""),
    ):
        done = as_user(SECOND, *GITTRACK, *words, here=repo)
        assert shown in done.out, done.err
        assert done.err == ""
        assert words == ["doctor"] or done.code == 0
    for words in (["run", "--", "echo", "started"], ["tag", "first", "a=b"], ["rm", "first"], ["note", "first", "x"]):
        done = as_user(SECOND, *GITTRACK, *words, here=repo)
        assert (done.code, done.out) == (1, ""), words
        assert done.err.startswith("gittrack: error: ")
        assert "ermission denied" in done.err
        assert done.err.count("\n") == 1
    assert sorted(made(repo)) == before
