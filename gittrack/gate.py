"""Whether the runs of one commit are worse than those of another: which runs these are, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from gittrack.git.walk import commit_of
from gittrack.git.worktrees import is_shallow
from gittrack.judge.gate import Judgement, judge
from gittrack.query.terms import Field, Missing, Not, Or, Query, Source, Type, both
from gittrack.query.values import value_of
from gittrack.read.difference import leaves_of
from gittrack.read.nearest import Made, Nearest, nearest
from gittrack.values import same_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gittrack.catalog import Catalog
    from gittrack.judge.gate import Aggregate, Rule
    from gittrack.model import Number, Run, Value
    from gittrack.query.terms import Condition
    from gittrack.read.search import Hit

_CODE = (
    Field(Source.ATTRIBUTE, "code.commit", Type.HEX),
    Field(Source.ATTRIBUTE, "code.tree", Type.HEX),
    Field(Source.ATTRIBUTE, "code.dirty", Type.FLAG),
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be judged: by these rules, `candidate` against `baseline`, which are revisions.

    `where` are the runs that count, `summary` the value of a metric that does. With `exact` the runs of the candidate
    have to be those of that very commit, made with its very files. Params whose names `ignored` matches, as the shell
    does, may differ.
    """

    rules: tuple[Rule, ...]
    candidate: str
    baseline: str
    aggregate: Aggregate
    summary: str = "last"
    where: Condition | None = None
    exact: bool = False
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: the commit that a revision means, and the runs, newest first, of the nearest one that has any.

    `how` tells for each run by what its code is taken for that commit's (read/nearest.py). With `differs` there is none
    that was made with the very files of the commit, and these were made with others.
    """

    revision: str
    commit: str
    found: Nearest | None = None
    runs: tuple[Run, ...] = ()
    how: Mapping[str, str] | None = None
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: a judgement for each rule, or in `problem` a sentence on why there is none."""

    question: Question
    candidate: Side
    baseline: Side
    judgements: tuple[Judgement, ...] = ()
    problem: str | None = None

    @property
    def passes(self) -> bool:
        """Whether no metric became worse than is tolerated; what could not be judged does not pass."""
        return self.problem is None and all(judgement.passes for judgement in self.judgements)


@dataclass(frozen=True, slots=True)
class ParamChange:
    """A param whose values are not the same in the runs of both sides; each value once, () where there is none."""

    name: str
    baseline: tuple[Value, ...]
    candidate: tuple[Value, ...]


def decide(catalog: Catalog, question: Question) -> Outcome:
    """Find the runs of both sides and judge them; UsageError for a revision that is no commit."""
    repo = catalog.project.repo
    candidate, baseline = commit_of(repo, question.candidate), commit_of(repo, question.baseline)
    made = _made(catalog, question)
    new = _side(catalog, made, question.candidate, candidate, without=(baseline,), exact=question.exact)
    # A run on uncommitted changes that were committed since is the candidate's, not that of the commit before.
    rest = {code: hits for code, hits in made.items() if new.found is None or code not in new.found.how}
    old = _side(catalog, rest, question.baseline, baseline, kept=(candidate,))
    problem = _problem(catalog, question, new, old, has_runs=bool(made))
    if problem is not None:
        return Outcome(question, new, old, problem=problem)
    judgements = tuple(
        judge(rule, _values(old, rule, question), _values(new, rule, question), question.aggregate)
        for rule in question.rules
    )
    return Outcome(question, new, old, judgements)


def params_that_differ(outcome: Outcome) -> list[ParamChange]:
    """Return the params of which the runs of the two sides have not the same values, but for those that are ignored."""
    return [
        change
        for change in differing_params(outcome.baseline.runs, outcome.candidate.runs)
        if not any(fnmatchcase(change.name, pattern) for pattern in outcome.question.ignored)
    ]


def differing_params(baseline: Sequence[Run], candidate: Sequence[Run]) -> list[ParamChange]:
    """Return the params of which the runs of two sides have not the same values."""
    sides = [_values_of_params(runs) for runs in (baseline, candidate)]
    changes = (
        ParamChange(name, *(tuple(side.get(name, ())) for side in sides))
        for name in dict.fromkeys(name for side in sides for name in side)
    )
    return [change for change in changes if not _same_values(change.baseline, change.candidate)]


def files_that_differ(outcome: Outcome) -> str | None:
    """Return a sentence on the sides whose runs were made with other files than their commits have."""
    sides = [side for side in (outcome.candidate, outcome.baseline) if side.differs and side.found]
    if not sides:
        return None
    names = " and ".join(dict.fromkeys(side.found.commit[:7] for side in sides if side.found))
    those = "the run was" if sum(len(side.runs) for side in sides) == 1 else "the runs were"
    return f"the files of {names} differ from those that {those} made with"


def _made(catalog: Catalog, question: Question) -> dict[Made, list[Hit]]:
    """The runs that count and have one of the metrics, newest first, by the code that they were made with."""
    metric = Or(tuple(Not(Missing(_field(rule, question))) for rule in question.rules))
    hits = catalog.hits(Query(both(question.where, metric)))
    found: dict[Made, list[Hit]] = {}
    for hit, (commit, tree, dirty) in catalog.cells(hits, _CODE):
        code = Made(str(commit) if commit else None, str(tree) if tree else None, dirty is True)
        found.setdefault(code, []).append(hit)
    return found


def _side(
    catalog: Catalog,
    made: Mapping[Made, Sequence[Hit]],
    revision: str,
    commit: str,
    *,
    without: Sequence[str] = (),
    kept: Sequence[str] = (),
    exact: bool = False,
) -> Side:
    found = nearest(catalog.project, made, commit, without=without, kept=kept)
    if found is None or (exact and found.commit != commit):
        return Side(revision, commit)
    how = {hit.id: word for code, word in found.how.items() for hit in made[code]}
    hits = sorted((hit for code in found.how for hit in made[code]), key=lambda hit: (-hit.start, hit.id))
    every = tuple(catalog.documents(hits))
    its_own = tuple(run for run in every if _has_files_of(found, run))
    if exact and not its_own:
        return Side(revision, commit, differs=True)
    return Side(revision, commit, found, its_own or every, how, not its_own)


def _has_files_of(found: Nearest, run: Run) -> bool:
    code = run.code
    if code.tree is None:
        return not code.dirty and code.commit == found.commit
    return code.tree == found.tree and not (code.dirty and code.left_out)


def _field(rule: Rule, question: Question) -> Field:
    return Field(Source.METRIC, rule.metric, Type.NUMBER, question.summary)


def _values(side: Side, rule: Rule, question: Question) -> list[Number]:
    values = (value_of(run, _field(rule, question)) for run in side.runs)
    return [value for value in values if isinstance(value, (int, float))]


def _problem(catalog: Catalog, question: Question, new: Side, old: Side, *, has_runs: bool) -> str | None:
    names = " or ".join(rule.metric for rule in question.rules)
    hint = "; this clone is shallow: fetch the whole history" if is_shallow(catalog.project.repo) else ""
    if not has_runs:
        return f"there is no run to judge: none that counts has {names}; are the runs fetched?"
    if new.differs and not new.runs:
        others = "those that its runs were made with"
        return f"there is no run to judge: the files of {question.candidate} differ from {others}"
    if not new.runs:
        where = f"{question.candidate} itself" if question.exact else f"{question.baseline}..{question.candidate}"
        return f"there is no run to judge: none of {where} has {names}{hint}"
    if not old.runs:
        return f"there is nothing to judge by: no run of {question.baseline}, or before it, has {names}{hint}"
    return None


def _values_of_params(runs: Sequence[Run]) -> dict[str, list[Value]]:
    found: dict[str, list[Value]] = {}
    for run in runs:
        for name, value in leaves_of(run.params).items():
            values = found.setdefault(name, [])
            if not any(same_value(value, other) for other in values):
                values.append(value)
    return found


def _same_values(one: Sequence[Value], other: Sequence[Value]) -> bool:
    return len(one) == len(other) and all(any(same_value(a, b) for b in other) for a in one)
