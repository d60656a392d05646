"""Each public function changes what it is for and nothing else; one process calls them all, and waits in between."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

import gittrack
from tests.untouched.allowed import INPUT, LOG, NOTHING, QUIET, READ, RECORD, START, Allowance
from tests.untouched.conftest import ASIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.untouched.conftest import World

# Runs each line that it gets and says when it is done: what the line left in the process stays there.
SERVANT: Final = f"""{ASIDE}
import sys
import gittrack

class Figure:
    def savefig(self, file, **options):
        file.write(b"figure")

for line in sys.stdin:
    exec(line, globals())
    print("done", flush=True)
"""

# Every public function and method, in an order in which each finds what it needs.
TABLE: Final[list[tuple[str, str, Allowance]]] = [
    ("set_experiment", "gittrack.set_experiment('e')", NOTHING),
    ("active_run", "gittrack.active_run()", NOTHING),
    ("flush", "gittrack.flush()", NOTHING),
    ("start_run", "run = gittrack.start_run('api', params={'a': 1}, tags={'b': 'c'})", START),
    ("active_run", "gittrack.active_run()", NOTHING),
    ("log_metric", "gittrack.log_metric('loss', 0.5, 1)", LOG),
    ("log_metrics", "gittrack.log_metrics({'loss': 0.4, 'accuracy': 0.9}, 2)", LOG),
    ("log_param", "gittrack.log_param('depth', 3)", LOG),
    ("log_params", "gittrack.log_params({'model': {'width': 64}})", LOG),
    ("set_tag", "gittrack.set_tag('stage', 'dev')", LOG),
    ("set_tags", "gittrack.set_tags({'reviewer': 'ada'})", LOG),
    ("set_description", "gittrack.set_description('words')", LOG),
    ("log_text", "gittrack.log_text('words', 'notes.txt')", LOG),
    ("log_dict", "gittrack.log_dict({'a': 1}, 'a.json')", LOG),
    ("log_figure", "gittrack.log_figure(Figure(), 'a.png')", LOG),
    ("log_artifact", "gittrack.log_artifact('run.sh')", LOG),
    ("log_artifact", "gittrack.log_artifact('../large.bin')", RECORD),
    ("log_artifacts", "gittrack.log_artifacts('data', 'all')", LOG),
    ("log_input", "gittrack.log_input('data')", (*LOG, *INPUT)),
    ("flush", "gittrack.flush()", LOG),
    ("ActiveRun.id", "run.id, run.name, run.experiment, run.status, run.repository, run.params", NOTHING),
    ("ActiveRun.log_metric", "run.log_metric('loss', 0.5, 1)", LOG),
    ("ActiveRun.log_metrics", "run.log_metrics({'loss': 0.4}, 2)", LOG),
    ("ActiveRun.log_param", "run.log_param('depth', 3)", LOG),
    ("ActiveRun.log_params", "run.log_params({'more': 1})", LOG),
    ("ActiveRun.set_tag", "run.set_tag('stage', 'final')", LOG),
    ("ActiveRun.set_tags", "run.set_tags({'reviewer': 'bob'})", LOG),
    ("ActiveRun.set_description", "run.set_description('other words')", LOG),
    ("ActiveRun.add_warning", "run.add_warning('words')", LOG),
    ("ActiveRun.log_text", "run.log_text('words', 'more.txt')", LOG),
    ("ActiveRun.log_dict", "run.log_dict({'a': 1}, 'more.json')", LOG),
    ("ActiveRun.log_figure", "run.log_figure(Figure(), 'more.png')", LOG),
    ("ActiveRun.log_artifact", "run.log_artifact('train.py')", LOG),
    ("ActiveRun.log_artifacts", "run.log_artifacts('data', 'more')", LOG),
    ("ActiveRun.log_input", "run.log_input('train.py')", (*LOG, *INPUT)),
    ("ActiveRun.flush", "run.flush()", LOG),
    ("start_run", "inner = gittrack.start_run('inner', nested=True)", START),
    ("ActiveRun.end", "inner.end()", RECORD),
    ("end_run", "gittrack.end_run()", RECORD),
    ("search_runs", "found = gittrack.search_runs()", READ),
    ("search_runs", "found = gittrack.search_runs(status='finished')", QUIET),
    ("get_run", "one = gittrack.get_run('first')", QUIET),
    ("Run.to_dict", "one.to_dict(), one.params, one.metrics, one.tags, one.code", QUIET),
    ("Run.history", "one.history('loss')", QUIET),
    ("Run.artifact", "one.artifact('notes/hello.txt')", QUIET),
    ("Run.output", "one.output()", QUIET),
    ("start_run", "again = gittrack.start_run(run_id=one.id)", START),
    ("end_run", "gittrack.end_run()", RECORD),
    ("log_metric", "gittrack.log_metric('loss', 1.0)", START),  # without a run it starts one
]
# Between the modules of gittrack: no user calls them.
INNER: Final = {"ActiveRun.adopt", "ActiveRun.continue_in_child", "ActiveRun.interrupt"}


def public_names() -> Iterator[str]:
    """Every function of the package and every method of its two classes; a property reads no file."""
    for name in gittrack.__all__:
        value = getattr(gittrack, name)
        if not isinstance(value, type) and callable(value):
            yield name
    for kind in (gittrack.ActiveRun, gittrack.Run):
        for name in dir(kind):
            if not name.startswith("_") and callable(getattr(kind, name)):
                yield f"{kind.__name__}.{name}"


def test_the_table_names_every_function() -> None:
    known = {name for name, _, _ in TABLE} - {"ActiveRun.id"} | INNER
    assert sorted(known) == sorted(set(public_names()))


@pytest.fixture
def servant(recorded: World) -> Iterator[subprocess.Popen[str]]:
    """A process that does what it is told, line by line."""
    (recorded.root / "large.bin").write_bytes(bytes(200_000))
    process = subprocess.Popen(
        [sys.executable, "-c", SERVANT], cwd=recorded.repo, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        yield process


def test_each_function(recorded: World, servant: subprocess.Popen[str]) -> None:
    assert servant.stdin is not None
    assert servant.stdout is not None
    complaints = []
    for _, line, allowed in TABLE:
        before = recorded.picture()
        servant.stdin.write(f"{line}\n")
        servant.stdin.flush()
        assert servant.stdout.readline() == "done\n", line
        complaints += [f"{line}: {complaint}" for complaint in recorded.complaints(before, allowed)]
    before = recorded.picture()
    servant.stdin.close()
    assert servant.wait(60) == 0
    complaints += [f"at the end: {complaint}" for complaint in recorded.complaints(before, RECORD)]

    assert complaints == [], "\n".join(complaints)
