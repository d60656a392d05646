"""The README's walk-through of two clones and a remote, as it stands there, over each kind of server."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from tests.share.servers import SERVERS
from tests.test_readme import README, TRAIN, normal, programs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack

__all__ = ["programs"]  # the fixture

(BLOCK,) = re.findall(r"<!-- two clones -->\n```console\n(.*?)```", README, re.DOTALL)
HOST: Final = "git@example.com:team/"


def steps() -> list[tuple[str, str, str]]:
    """(machine, command, what it printed) for each line with a prompt."""
    parts = re.split(r"^(\w+)\$ ", BLOCK, flags=re.MULTILINE)[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [(machine, text.partition("\n")[0], text.partition("\n")[2]) for machine, text in pairs]


def told(text: str) -> str:
    """As the pages are compared, without the name of a machine, and without pins.

    Those of the same commit that two clones make in the same second are the same one, and need not travel.
    """
    text = re.sub(
        r"(?m)^(received code of runs from origin|sent refs/gittrack/code to origin \(\w+\.\.\w+\))\n", "", text
    )
    return re.sub(r"(?m)^(late|fast|slow) \S+ (?=\S+ \S+$)", r"\1 HOST ", normal(text))


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize("kind", SERVERS)
def test_the_walk_through_of_the_readme(kind: str, tmp_path: Path, git: Git, gittrack: Gittrack) -> None:
    served, laptop, cluster = (tmp_path / name for name in ("served", "laptop", "cluster"))
    for folder in (served, laptop, cluster):
        folder.mkdir()
    git("init", "-q", "--bare", str(served / "digits.git"))
    (laptop / "train.py").write_text(TRAIN)
    (laptop / ".gitignore").write_text("metrics.json\ntrain.log\n")
    git("init", "-q", cwd=laptop)
    git("add", ".", cwd=laptop)
    git("commit", "-qm", "Train", cwd=laptop)
    words = ("run", "-q", "--name", "slow", "--metrics", "metrics.json", "--", "python", "train.py", "--lr", "0.1")
    assert gittrack(*words, cwd=laptop).code == 0
    machines = {"laptop": laptop, "cluster": cluster}
    with SERVERS[kind](served) as server:
        git("config", "--global", f"url.{server.url('')}.insteadOf", HOST)
        for machine, command, output in steps():
            done = subprocess.run(
                ["sh", "-c", f"{command} 2>&1"], cwd=machines[machine], stdout=subprocess.PIPE, text=True, check=False
            )
            assert (done.returncode, told(done.stdout)) == (0, told(output)), command
