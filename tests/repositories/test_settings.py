"""Settings that change what git does at a commit, and the plain repository that all others are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git
    from tests.repositories.conftest import Cycle

HOOKS = (
    "applypatch-msg", "commit-msg", "post-checkout", "post-commit", "post-index-change", "post-rewrite",
    "pre-auto-gc", "pre-commit", "prepare-commit-msg", "reference-transaction", "update",
)  # fmt: skip


def test_plain(repo: Path, cycle: Cycle) -> None:
    cycle(repo)


@pytest.mark.parametrize("folder", ["", "my hooks"], ids=[".git/hooks", "core.hooksPath"])
def test_hooks_that_would_fail(repo: Path, git: Git, cycle: Cycle, tmp_path: Path, folder: str) -> None:
    hooks = tmp_path / folder if folder else repo / ".git/hooks"
    called = tmp_path / "called"
    hooks.mkdir(exist_ok=True)
    for name in HOOKS:
        (hooks / name).write_text(f"#!/bin/sh\necho {name} >> {called}\nexit 1\n")
        (hooks / name).chmod(0o755)
    if folder:
        git("config", "core.hooksPath", str(hooks), cwd=repo)
    with pytest.raises(AssertionError):
        git("commit", "-q", "--allow-empty", "-m", "refused", cwd=repo)
    called.unlink()
    cycle(repo)
    # The picture's own `for-each-ref` and `fsck` run none.
    assert not called.exists()


@pytest.mark.parametrize(
    "settings",
    [
        ["commit.gpgSign=true", "tag.gpgSign=true", "gpg.program=/nowhere/gpg", "push.gpgSign=true"],
        ["core.autocrlf=true", "core.eol=crlf", "core.safecrlf=true"],
        ["gc.auto=0", "core.compression=0", "core.multiPackIndex=true", "pack.compression=0"],
        ["core.logAllRefUpdates=always", "core.preferSymlinkRefs=true", "receive.denyCurrentBranch=refuse"],
        ["core.ignoreCase=true", "core.fileMode=false", "core.symlinks=false", "core.untrackedCache=keep"],
        ["i18n.commitEncoding=latin1", "core.commentChar=;", "core.quotePath=true", "core.abbrev=40"],
        ["status.short=true", "status.branch=false", "status.showUntrackedFiles=no", "status.showStash=true"],
        ["color.ui=always", "column.ui=always", "core.pager=false", "log.showSignature=true", "log.date=relative"],
        ["diff.noprefix=true", "diff.renames=copies", "diff.external=false", "diff.orderFile=/nowhere"],
        ["protocol.allow=never", "transfer.fsckObjects=true", "user.useConfigOnly=true"],
    ],
    ids=" ".join,
)
def test_settings(repo: Path, git: Git, cycle: Cycle, settings: list[str]) -> None:
    for setting in settings:
        git("config", *setting.split("=", 1), cwd=repo)
    cycle(repo)
