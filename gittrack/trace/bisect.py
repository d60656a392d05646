"""The first commit whose metric crosses a threshold: from recorded runs, and from new ones where there are none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, final

from gittrack.errors import GittrackError, RunNotFound, UsageError
from gittrack.git.ancestry import is_ancestor
from gittrack.git.dag import commits_of, merge_base, resolve
from gittrack.lineage.bisect import Search, Verdict
from gittrack.lineage.nearest import nearest
from gittrack.model import FAILED, FINISHED
from gittrack.read.whereabouts import whereabouts
from gittrack.trace.places import places_of
from gittrack.trace.rerun import can_be_rerun, rerun

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gittrack.catalog import Catalog
    from gittrack.git.dag import Commit
    from gittrack.lineage.middle import Line
    from gittrack.model import Number, Run
    from gittrack.query.terms import Query


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for: `metric` by `line`, of at least `repeat` runs a commit, of those that `query` means.

    `summary` is last, min or max: which of the values logged in a run counts.
    """

    metric: str
    line: Line
    query: Query
    repeat: int = 1
    summary: str = "last"


@dataclass(frozen=True, slots=True)
class Range:
    """Between which commits, and where only commits that change some paths count, which."""

    good: str
    bad: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a commit: `value` of `runs`, of which the first `made` were made for it, or else a `problem`."""

    commit: str
    verdict: Verdict
    value: Number | None = None
    runs: tuple[Run, ...] = ()
    made: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """A commit that has too few runs, and the run whose command would be run on it."""

    commit: str
    run: Run


@dataclass(frozen=True, slots=True)
class Result:
    """Which commits may be the first bad one, the only one where `found`, what was looked at, and what is missing."""

    suspects: list[str]
    found: bool
    steps: list[Evidence]
    need: Need | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """What is told on the way: each step, and before a run is made how many commits are in question."""

    step: Callable[[Evidence], None]
    before: Callable[[Need, int], None]


_Known: TypeAlias = "dict[str, Evidence]"


def commit_of(catalog: Catalog, spec: str) -> str:
    """Return the commit that a revision names, or else that of a run; UsageError for neither."""
    commit = resolve(catalog.project.repo, spec)
    if commit is not None:
        return commit
    try:
        run = catalog.find(spec)
    except RunNotFound as error:
        raise UsageError(f"{spec!r:.200} is no revision of the code, and {error}") from None
    commit = whereabouts(catalog.project, run).commit or run.code.commit
    if commit is None or resolve(catalog.project.repo, commit) is None:
        raise UsageError(f"the commit of run {run.id[:8]} is not here; name a revision")
    return commit


@final
class Bisection:
    """One search; `dry` makes no runs."""

    def __init__(self, catalog: Catalog, question: Question, span: Range, listener: Listener, *, dry: bool) -> None:
        """Find the commits and their recorded runs; GittrackError where there is nothing to look at."""
        self._catalog = catalog
        self._question = question
        self._listener = listener
        self._dry = dry
        self._span = span
        self._commits = _commits_between(catalog, span)
        self.count = len(self._commits)
        good = commits_of(catalog.project.repo, (f"{span.good}^!",))
        self._nodes = {commit.id: commit for commit in (*good, *self._commits)}
        self._records = _Records(catalog, question, tuple(self._nodes.values()))
        self._known: _Known = {}
        self._steps: list[Evidence] = []
        self.ends: list[Evidence] = []  # what recorded runs tell of the two ends

    def search(self) -> Result:
        """Look for the first bad commit; GittrackError where one of the two ends is not what it was said to be."""
        bad = self._commits[-1].id
        ends = [(self._span.good, self._span.good, Verdict.GOOD), (self._span.bad, bad, Verdict.BAD)]
        for named, end, expected in ends:
            evidence = self._recorded(end)
            self._check(named, expected, evidence)
            self.ends += [evidence] if evidence else []
        search = Search({commit.id: commit.parents for commit in self._commits}, bad)
        known = {commit for commit in search.parents if self._recorded(commit) is not None}
        while (commit := search.next(known)) is not None:
            found = self._evidence(commit, search)
            if isinstance(found, Need):
                return Result(search.suspects(), found=False, steps=self._steps, need=found)
            search = search.told(commit, found.verdict)
        suspects = search.suspects()
        need = self._prove(search) if len(suspects) == 1 else None
        return Result(suspects, len(suspects) == 1 and need is None, self._steps, need)

    def _prove(self, search: Search) -> Need | None:
        """Have a run for the first bad commit, and for the good one before it, also where both are the given ends."""
        ends = [(search.bad, self._span.bad, Verdict.BAD)]
        innocent = search.innocent()
        if any(parent not in innocent for parent in search.parents[search.bad]):
            ends.append((self._span.good, self._span.good, Verdict.GOOD))
        for commit, named, expected in ends:
            if commit in self._known:
                continue
            evidence = self._evidence(commit, search)
            if isinstance(evidence, Need):
                return evidence
            self._check(named, expected, evidence)
        return None

    def _check(self, end: str, expected: Verdict, evidence: Evidence | None) -> None:
        if evidence is None or evidence.verdict in (expected, Verdict.SKIPPED):
            return
        runs = ", ".join(run.id[:8] for run in evidence.runs[:3])
        raise GittrackError(
            f"{end[:12]} was said to be {expected.value} and is {evidence.verdict.value}: {self._question.metric} is "
            f"{evidence.value!s:.20} there (run {runs}); choose other ends or another threshold"
        )

    def _recorded(self, commit: str) -> Evidence | None:
        """What recorded runs alone tell; None where they are too few."""
        found = self._records.usable(commit)
        if len(found) >= self._question.repeat:
            return self._judged(commit, found, 0)
        failed = self._records.failed(commit)
        if failed and not found:
            short = failed[0].id[:8]
            problem = f"run {short} {_fault(failed[0], self._question.metric)}; to try again: gittrack rm {short}"
            return Evidence(commit, Verdict.SKIPPED, runs=tuple(failed[:1]), problem=problem)
        return None

    def _evidence(self, commit: str, search: Search) -> Evidence | Need:
        evidence = self._recorded(commit) or self._made(commit, search)
        if isinstance(evidence, Evidence):
            self._known[commit] = evidence
            self._steps.append(evidence)
            self._listener.step(evidence)
        return evidence

    def _made(self, commit: str, search: Search) -> Evidence | Need:
        """Run the nearest recorded command until there are enough runs, or until one fails."""
        need = Need(commit, self._template(commit))
        if self._dry:
            return need
        made, problem = 0, ""
        while len(self._records.usable(commit)) < self._question.repeat and not problem:
            self._listener.before(need, len(search.suspects()))
            try:
                run = rerun(self._catalog, need.run, commit, self._question.metric)
            except GittrackError as error:
                problem = str(error)
                continue
            if self._records.take(commit, run):
                made += 1
            else:
                problem = f"run {run.id[:8]} {_fault(run, self._question.metric)}"
        found = self._records.usable(commit)
        return self._judged(commit, found, made) if found else Evidence(commit, Verdict.SKIPPED, problem=problem)

    def _judged(self, commit: str, runs: Sequence[Run], made: int) -> Evidence:
        line = self._question.line
        logged = (run.metrics[self._question.metric] for run in runs)
        value = line.value([getattr(metric, self._question.summary) for metric in logged])
        return Evidence(commit, line.verdict(value), value, tuple(runs), made)

    def _template(self, commit: str) -> Run:
        """The newest run of the nearest commit that has one whose command can be run again; else the newest of all."""
        able = {each: runs for each in self._nodes if (runs := list(filter(can_be_rerun, self._records.usable(each))))}
        parents = {commit.id: commit.parents for commit in self._nodes.values()}
        beside = nearest(parents, commit, able)
        if beside is not None:
            return able[beside][0]
        for run in self._catalog.search(self._question.query):
            if _is_usable(run, self._question.metric) and can_be_rerun(run):
                return run
        raise GittrackError(
            f"no finished run has the metric {self._question.metric!r:.80} and a command that can be run again; record "
            "one first: gittrack run -- COMMAND"
        )


@dataclass(slots=True)
class _Records:
    """The runs of each tree of some commits, the newest first."""

    catalog: Catalog
    question: Question
    commits: tuple[Commit, ...]
    _trees: dict[str, str] = field(init=False)
    _runs: dict[str, list[Run]] = field(init=False)

    def __post_init__(self) -> None:
        self._trees = {commit.id: commit.tree for commit in self.commits}
        self._runs = {}
        query = places_of(self.catalog, self.commits).query(self.question.query)
        for run in self.catalog.search(query):
            tree = run.code.tree or (None if run.code.dirty else self._trees.get(run.code.commit or ""))
            # What was left out of a snapshot may be what made the difference.
            if tree is not None and not (run.code.dirty and run.code.left_out):
                self._runs.setdefault(tree, []).append(run)

    def usable(self, commit: str) -> list[Run]:
        """The finished runs with the metric that were made with the very files of a commit."""
        return [run for run in self._of(commit) if _is_usable(run, self.question.metric)]

    def failed(self, commit: str) -> list[Run]:
        """The runs that were made there by gittrack itself, and failed."""
        return [
            run
            for run in self._of(commit)
            if run.reproduces and (run.status == FAILED or (run.status == FINISHED and not self._has(run)))
        ]

    def take(self, commit: str, run: Run) -> bool:
        """Add a run that was made; False for one that tells nothing."""
        if not _is_usable(run, self.question.metric):
            return False
        self._runs.setdefault(self._trees[commit], []).insert(0, run)
        return True

    def _of(self, commit: str) -> list[Run]:
        return self._runs.get(self._trees[commit], [])

    def _has(self, run: Run) -> bool:
        return self.question.metric in run.metrics


def _is_usable(run: Run, metric: str) -> bool:
    return run.status == FINISHED and metric in run.metrics


def _fault(run: Run, metric: str) -> str:
    return f"did not log {metric!r:.80}" if run.status == FINISHED else run.status


def _commits_between(catalog: Catalog, span: Range) -> list[Commit]:
    repo = catalog.project.repo
    if span.good == span.bad:
        raise UsageError(f"the good and the bad commit are the same one, {span.good[:12]}")
    if not is_ancestor(repo, span.good, span.bad):
        base = merge_base(repo, span.good, span.bad)
        hint = f"; their merge base is {base[:12]}" if base else ""
        raise UsageError(f"the good commit {span.good[:12]} does not lead to the bad one {span.bad[:12]}{hint}")
    found = commits_of(repo, (span.bad, f"^{span.good}"), paths=span.paths)
    if not found:
        raise GittrackError(f"no commit between {span.good[:12]} and {span.bad[:12]} changes these paths")
    return found
