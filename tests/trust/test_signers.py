"""`gittrack verify` says who signed which run, by ssh and by gpg, also of runs that came from others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conftest import run
from tests.trust.conftest import RUNS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.conftest import Git, Gittrack, RunPython
    from tests.trust.conftest import Person, Verify


def seals(verify: Verify, *words: str | Path, cwd: Path | None = None) -> dict[str, list[tuple[str, str | None]]]:
    """(signature, signer) of the records of each run, by its name; nothing was altered."""
    answer = verify.answer(*words, cwd=cwd)
    assert answer["problems"] == []
    return {run["name"]: [(r["signature"], r["signer"]) for r in run["records"]] for run in answer["runs"]}


def clone_of(git: Git, remote: Path, folder: Path, who: Person) -> Path:
    git("clone", "-q", remote, folder)
    who.signs(git, folder)
    return folder


def test_who_signed_what(
    signing: Path, git: Git, gittrack: Gittrack, ada: Person, bob: Person, tmp_path: Path, verify: Verify
) -> None:
    (tmp_path / "allowed").write_text(ada.allowed + bob.allowed, encoding="utf-8")
    assert gittrack("run", "--name", "first", "--", "true").code == 0
    git("config", "gittrack.sign", "false")
    assert gittrack("run", "--name", "second", "--", "true").code == 0
    bob.signs(git, signing)
    assert gittrack("tag", "first", "a=b").code == 0

    good = ("good", "ada@example.com")
    assert seals(verify) == {"first": [good, ("good", "bob@example.com")], "second": [("unsigned", None)]}
    shown = verify()
    assert shown.out.splitlines()[-1] == "2 runs in 3 commits: 1 good, 1 unsigned, nothing was altered"
    assert "1 good by bob@example.com" in shown.out
    assert shown.code == 0
    assert verify("--require-signed").code == 1
    assert verify("--require-signed", "first").code == 0


def test_a_key_that_nobody_vouches_for(
    signing: Path, git: Git, gittrack: Gittrack, bob: Person, tmp_path: Path, verify: Verify
) -> None:
    bob.signs(git, signing)
    assert gittrack("run", "--name", "his", "--", "true").code == 0
    file = tmp_path / "others"
    file.write_text(bob.allowed, encoding="utf-8")

    assert seals(verify) == {"his": [("unknown key", None)]}
    assert "SHA256:" in verify().out, "the key itself is told"
    assert verify("--require-signed").code == 1
    assert seals(verify, "--allowed-signers", file) == {"his": [("good", "bob@example.com")]}
    git("config", "--unset", "gpg.ssh.allowedSignersFile")
    assert seals(verify) == {"his": [("unknown key", None)]}, "without the setting git would say nothing at all"
    assert "note: nothing says whose ssh keys are whose" in verify().out


def test_a_file_of_signers_that_is_not_there(signing: Path, verify: Verify) -> None:
    done = verify("--allowed-signers", "nowhere")

    assert done.code == 2, signing
    assert "nowhere" in done.err


def test_gpg(
    repo: Path, git: Git, gittrack: Gittrack, gpg_key: str, monkeypatch: pytest.MonkeyPatch, verify: Verify
) -> None:
    git("config", "gittrack.sign", "true")
    assert gittrack("run", "--name", "mine", "--", "true").code == 0
    signer = "Ada Example <ada@example.com>"
    assert seals(verify, "--require-signed") == {"mine": [("good", signer)]}, repo

    public = run(["gpg", "--batch", "--armor", "--export"]).out
    empty = repo.parent / "k"
    empty.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(empty))
    assert seals(verify) == {"mine": [("unknown key", None)]}
    assert gpg_key[-16:] in verify().out
    (repo.parent / "public").write_text(public, encoding="utf-8")
    assert run(["gpg", "--batch", "--import", repo.parent / "public"]).code == 0
    assert seals(verify) == {"mine": [("unknown key", None)]}, "a name alone is whatever its maker liked"
    git("config", "gpg.program", "/nowhere/gpg")
    assert seals(verify) == {"mine": [("unchecked", None)]}


def test_signatures_of_others_stay_through_unsigned_unions(
    signing: Path, git: Git, gittrack: Gittrack, ada: Person, bob: Person, tmp_path: Path, verify: Verify
) -> None:
    bare = tmp_path / "bare.git"
    git("init", "-q", "--bare", bare)
    git("remote", "add", "origin", bare)
    assert gittrack("run", "--name", "of-ada", "--", "true").code == 0
    assert gittrack("sync").code == 0
    other = clone_of(git, bare, tmp_path / "other", bob)
    git("config", "gpg.ssh.allowedSignersFile", tmp_path / "both", cwd=other)
    (tmp_path / "both").write_text(ada.allowed + bob.allowed, encoding="utf-8")
    assert gittrack("run", "--name", "of-bob", "--", "true", cwd=other).code == 0
    assert gittrack("run", "--name", "later-of-ada", "--", "true").code == 0
    assert gittrack("sync").code == 0
    git("config", "gittrack.sign", "false", cwd=other)
    assert gittrack("sync", cwd=other).code == 0
    assert gittrack("sync").code == 0

    by_ada, by_bob = [("good", "ada@example.com")], [("good", "bob@example.com")]
    expected = {"of-ada": by_ada, "of-bob": by_bob, "later-of-ada": by_ada}
    assert git("log", "-1", "--format=%s %G?", RUNS, cwd=other) == "merge runs N\n"
    assert seals(verify, "--require-signed", cwd=other) == expected
    assert seals(verify, "--allowed-signers", tmp_path / "both") == expected


def test_a_union_is_signed_and_vouches_for_nobody(
    signing: Path, git: Git, gittrack: Gittrack, ada: Person, bob: Person, tmp_path: Path, verify: Verify
) -> None:
    other = clone_of(git, signing, tmp_path / "other", bob)
    git("config", "gittrack.sign", "false", cwd=other)
    assert gittrack("run", "--name", "of-ada", "--", "true").code == 0
    assert gittrack("run", "--name", "of-bob", "--", "true", cwd=other).code == 0
    assert gittrack("pull", str(other)).code == 0

    assert git("log", "-1", "--format=%s %G?", RUNS) == "merge runs G\n", ada
    assert seals(verify) == {"of-ada": [("good", "ada@example.com")], "of-bob": [("unsigned", None)]}


def test_a_shallow_clone_does_not_know(
    signing: Path, git: Git, gittrack: Gittrack, tmp_path: Path, verify: Verify
) -> None:
    for name in ("first", "second", "third"):
        assert gittrack("run", "--name", name, "--", "true").code == 0
    clone = tmp_path / "clone"
    git("clone", "-q", "--depth=2", "--no-single-branch", f"file://{signing}", clone)
    git("config", "gpg.ssh.allowedSignersFile", tmp_path / "allowed", cwd=clone)

    found = seals(verify, cwd=clone)
    assert found == {
        "first": [("unchecked", None)],
        "second": [("unchecked", None)],
        "third": [("good", "ada@example.com")],
    }
    assert "note: this clone is shallow" in verify(cwd=clone).out


def test_the_runs_of_a_range(signing: Path, git: Git, gittrack: Gittrack, verify: Verify) -> None:
    assert gittrack("run", "--name", "before", "--", "true").code == 0
    git("commit", "-q", "--allow-empty", "-m", "more")
    assert gittrack("run", "--name", "after", "--", "true").code == 0

    assert list(seals(verify, "HEAD~1..HEAD")) == ["after"], signing
    assert list(seals(verify, "HEAD~1..HEAD", "before")) == ["after", "before"]
    assert verify("HEAD..HEAD").err == "gittrack: no runs to verify\n"
    assert verify("nowhere..HEAD").code == 2
    assert verify("no-such-run").code == 1


def test_a_repository_of_sha256(tmp_path: Path, git: Git, gittrack: Gittrack, ada: Person, verify: Verify) -> None:
    folder = tmp_path / "wide"
    git("init", "-q", "--object-format=sha256", folder)
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=folder)
    ada.signs(git, folder)
    (tmp_path / "allowed").write_text(ada.allowed, encoding="utf-8")
    git("config", "gpg.ssh.allowedSignersFile", tmp_path / "allowed", cwd=folder)
    assert gittrack("run", "--name", "wide", "--", "true", cwd=folder).code == 0

    assert seals(verify, "--require-signed", cwd=folder) == {"wide": [("good", "ada@example.com")]}


def test_a_purge_takes_the_signatures_of_what_it_writes_anew(
    signing: Path, git: Git, gittrack: Gittrack, run_python: RunPython, verify: Verify
) -> None:
    done = run_python("""
        import gittrack

        for name in ("before", "gone", "after"):
            with gittrack.start_run(name):
                pass
    """)
    assert done.code == 0, signing
    assert gittrack("purge", "--yes", "gone").code == 0

    assert seals(verify) == {"after": [("unsigned", None)], "before": [("good", "ada@example.com")]}
    assert git("log", "-1", "--format=%s %G?", RUNS).startswith("purge ")
    assert git("log", "-1", "--format=%G?", RUNS) == "G\n"


def test_no_runs(repo: Path, verify: Verify) -> None:
    done = verify()

    assert (done.code, done.out, done.err) == (0, "", "gittrack: no runs to verify\n"), repo


def test_without_the_index(signing: Path, gittrack: Gittrack, verify: Verify) -> None:
    assert gittrack("run", "--name", "first", "--", "true").code == 0
    (signing / ".git/gittrack/index.sqlite").write_bytes(b"no database")

    assert list(seals(verify).values()) == [[("good", "ada@example.com")]]


def test_a_history_that_cannot_be_read(signing: Path, git: Git, gittrack: Gittrack, verify: Verify) -> None:
    for name in ("first", "second"):
        assert gittrack("run", "--name", name, "--", "true").code == 0
    tree = git("rev-parse", f"{RUNS}~1^{{tree}}").strip()
    (signing / ".git/objects" / tree[:2] / tree[2:]).unlink()
    done = verify()

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("gittrack: error: the history of the runs cannot be read: ")
