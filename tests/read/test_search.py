"""The answers to filters and orders equal those of a plain evaluation in Python, three-valued logic and all."""

from __future__ import annotations

import math
import operator
import random
import re
from typing import TYPE_CHECKING, TypeAlias

import pytest

from gittrack.errors import GittrackError, UsageError
from gittrack.model import STATUSES, Author, Code, Input, MetricSummary, Run
from gittrack.query.parse import parse_filter, parse_order
from gittrack.query.terms import Query
from gittrack.read import search as searching
from gittrack.read.search import ordering, search, tables_of
from gittrack.values import full_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from sqlite3 import Connection

NOW = 1_780_000_000.0
DAY = 86400.0
SIGNS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
Truth: TypeAlias = "bool | None"
Test: TypeAlias = "Callable[[Run], Truth]"
Value: TypeAlias = "Callable[[Run], float | str | None]"


def made_runs(count: int, seed: int) -> list[Run]:
    """Runs of every kind: fields that are missing, NaN, infinite, equal, text beside numbers."""
    chance = random.Random(seed)  # noqa: S311 - made-up runs
    odd = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1, 10**25, 0.5]
    runs = []
    for number in range(count):
        metrics = {}
        for name in ("acc", "val/loss", "f1 score"):
            if chance.random() < 0.8:
                last = chance.choice(odd) if chance.random() < 0.3 else round(chance.uniform(-1, 1), 2)
                low = last if last != last else min(last, round(chance.uniform(-2, 0), 1))
                metrics[name] = MetricSummary(
                    last, chance.choice([None, 3, 7]), low, 1, last, 2, chance.randrange(1, 9)
                )
        params: dict[object, object] = {}
        if chance.random() < 0.8:
            params["lr"] = chance.choice([0.1, 0.01, 1, "auto", None, True, math.nan])
        if chance.random() < 0.8:
            params["model"] = {"kind": chance.choice(["tree", "Tree", "forest", "É", "a%b", "a*b", ""]), "depth": 3}
        start = NOW - round(chance.uniform(0, 20 * DAY), 3)
        runs.append(
            Run(
                id=f"{chance.getrandbits(128):032x}",
                name=chance.choice(["brave-otter", "calm-heron", "x"]),
                experiment=chance.choice(["default", "sweep"]),
                status=chance.choice(STATUSES),
                start=start,
                end=None if chance.random() < 0.2 else start + round(chance.uniform(0, 7200), 3),
                author=Author("Ada Example", "ada@example.com") if chance.random() < 0.9 else None,
                code=Code(f"{number % 7:040x}", chance.choice(["main", "feature", None]), chance.random() < 0.5),
                params=params,  # type: ignore[arg-type]
                metrics=metrics,
                tags={"stage": chance.choice(["dev", "prod"])} if chance.random() < 0.7 else {},
                inputs=(Input("train", "data/train.csv", "file", 1, "ab" * 32),) if chance.random() < 0.5 else (),
                deleted=chance.random() < 0.1,
            )
        )
    return runs


RUNS = made_runs(150, seed=5)


@pytest.fixture(scope="module")
def tables() -> Iterator[Connection]:
    db = tables_of(RUNS)
    yield db
    db.close()


# The plain evaluation


def metric(key: str, part: str) -> Value:
    def value(run: Run) -> float | None:
        summary = run.metrics.get(key)
        found = None if summary is None else getattr(summary, part)
        if found is None or found != found:
            return None
        return found if abs(found) < 2**63 else float(found)

    return value


def param(key: str) -> tuple[Value, Value]:
    """A param as a number, and as text."""

    def found(run: Run) -> object:
        value: object = run.params
        for name in key.split("."):
            value = value.get(name, ...) if isinstance(value, dict) else ...
        return value

    def number(run: Run) -> float | None:
        value = found(run)
        fine = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
        return value if fine else None  # type: ignore[return-value]

    def text(run: Run) -> str | None:
        value = found(run)
        if value is ... or value != value:
            return None
        return value if isinstance(value, str) else full_value(value)  # type: ignore[arg-type]

    return number, text


NUMBERS: dict[str, Value] = {
    "metrics.acc": metric("acc", "last"),
    "metrics.acc.min": metric("acc", "min"),
    "metric.acc.step": metric("acc", "step"),
    "metrics.val/loss": metric("val/loss", "last"),
    "metrics.`f1 score`": metric("f1 score", "last"),
    'metrics."f1 score".count': metric("f1 score", "count"),
    "params.lr": param("lr")[0],
    "parameters.model.depth": param("model.depth")[0],
    "duration": lambda run: run.duration,
}
TEXTS: dict[str, Value] = {
    "params.lr": param("lr")[1],
    "params.model.kind": param("model.kind")[1],
    "tags.stage": lambda run: run.tags.get("stage"),
    "attributes.name": lambda run: run.name,
    "experiment": lambda run: run.experiment,
    "code.branch": lambda run: run.code.branch,
    "author": lambda run: run.author.name if run.author else None,
}
WORDS = ["tree", "Tree", "é", "É", "dev", "main", "default", "x", "a%b", "0.1", "auto", "nothing here"]
PATTERNS = ["%ree", "t%", "_ree", "É", "a\\%b", "a%", "%*%", "%", "[d]ev", "MAIN"]


def compared(one: Value, sign: str, other: Value) -> Test:
    def test(run: Run) -> Truth:
        a, b = one(run), other(run)
        return None if a is None or b is None else SIGNS[sign](a, b)

    return test


def calculated(one: Value, sign: str, other: Value) -> Value:
    def value(run: Run) -> float | None:
        a, b = one(run), other(run)
        if a is None or b is None or (sign == "/" and b == 0):
            return None
        assert isinstance(a, (int, float))
        assert isinstance(b, (int, float))
        found = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}[sign](
            float(a), float(b)
        )
        return None if found != found else found

    return value


def like(value: Value, pattern: str, *, ignore_case: bool) -> Test:
    def test(run: Run) -> Truth:
        text = value(run)
        if text is None:
            return None
        parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in folded(pattern))
        return re.fullmatch("".join(parts), folded(str(text)), re.DOTALL) is not None

    def folded(text: str) -> str:
        return text.casefold() if ignore_case else text

    return test


def negated(test: Test) -> Test:
    def opposite(run: Run) -> Truth:
        truth = test(run)
        return None if truth is None else not truth

    return opposite


def joined(tests: list[Test], *, all_of_them: bool) -> Test:
    def test(run: Run) -> Truth:
        truths = [each(run) for each in tests]
        if all_of_them:
            return False if False in truths else None if None in truths else True
        return True if True in truths else None if None in truths else False

    return test


# Filters as text, and what they mean


def made_number(chance: random.Random) -> tuple[str, Value]:
    if chance.random() < 0.2:
        (one, a), (other, b) = made_number(chance), made_number(chance)
        sign = chance.choice("+-*/")
        return f"({one} {sign} {other})", calculated(a, sign, b)
    if chance.random() < 0.3:
        number = chance.choice([0, 1, 3, 0.1, -0.5, 1e-3, 3600, 2.5])
        return repr(number), lambda _: number
    return chance.choice(list(NUMBERS.items()))


def made_test(chance: random.Random, depth: int = 0) -> tuple[str, Test]:
    kind = chance.random()
    if depth < 3 and kind < 0.35:
        parts = [made_test(chance, depth + 1) for _ in range(chance.randrange(2, 4))]
        is_and = chance.random() < 0.5
        word = chance.choice([" AND ", " and "] if is_and else [" OR ", " or "])
        return f"({word.join(text for text, _ in parts)})", joined([t for _, t in parts], all_of_them=is_and)
    if depth < 3 and kind < 0.45:
        text, test = made_test(chance, depth + 1)
        return f"NOT {text}", negated(test)
    if kind < 0.75:
        return made_number_test(chance)
    return made_text_test(chance)


def made_number_test(chance: random.Random) -> tuple[str, Test]:
    name, value = chance.choice(list(NUMBERS.items()))
    kind = chance.random()
    if kind < 0.1:
        numbers = [chance.choice([0.1, 1, 0, -0.5]) for _ in range(3)]
        test = joined([compared(value, "=", lambda _, n=number: n) for number in numbers], all_of_them=False)  # type: ignore[misc]
        return f"{name} IN ({', '.join(map(str, numbers))})", test
    if kind < 0.2:
        low, high = sorted([round(chance.uniform(-1, 1), 1), round(chance.uniform(-1, 1), 1)])
        bounds = [compared(value, ">=", lambda _: low), compared(value, "<=", lambda _: high)]
        return f"{name} BETWEEN {low} AND {high}", joined(bounds, all_of_them=True)
    other, b = made_number(chance)
    sign = chance.choice(list(SIGNS))
    if name.startswith("param") and other.startswith("param"):
        other, b = "1", lambda _: 1
    if chance.random() < 0.2 and other[0] not in "-0123456789":
        return f"{other} {sign} {name}", compared(b, sign, value)
    return f"{name} {sign} {other}", compared(value, sign, b)


def made_text_test(chance: random.Random) -> tuple[str, Test]:
    name, value = chance.choice(list(TEXTS.items()))
    word = chance.choice(WORDS)
    kind = chance.random()
    if kind < 0.4:
        pattern, no_case = chance.choice(PATTERNS), chance.random() < 0.5
        return f"{name} {'ILIKE' if no_case else 'like'} '{pattern}'", like(value, pattern, ignore_case=no_case)
    if kind < 0.6:
        words = [word, chance.choice(WORDS)]
        test = joined([compared(value, "=", lambda _, w=each: w) for each in words], all_of_them=False)  # type: ignore[misc]
        listed = ", ".join(f"'{each}'" for each in words)
        return (f"{name} NOT IN ({listed})", negated(test)) if kind < 0.5 else (f"{name} IN ({listed})", test)
    if kind < 0.7 and name != "experiment":
        return f"{name} IS NULL", lambda run: lacks(run, name, value)
    sign = chance.choice(["=", "!=", "==", "<>"])
    return f'{name} {sign} "{word}"', compared(value, {"==": "=", "<>": "!="}.get(sign, sign), lambda _: word)


def lacks(run: Run, name: str, value: Value) -> bool:
    """Whether a run has no such field; a NaN is there."""
    if name == "params.lr":
        return "lr" not in run.params
    return not value(run) if name.startswith(("a", "c")) else value(run) is None


def plainly(test: Test, *, deleted: bool = False) -> list[str]:
    """The ids of what is wanted, newest first."""
    found = [run for run in RUNS if test(run) and (deleted or not run.deleted)]
    return [run.id for run in sorted(found, key=lambda run: (-run.start, run.id))]


def ids(db: Connection, text: str, **facts: object) -> list[str]:
    return [hit.id for hit in search(db, Query(parse_filter(text, NOW), **facts))]  # type: ignore[arg-type]


@pytest.mark.parametrize("few", [0, 20, 5000], ids=["every driver", "some drivers", "few rows"])
def test_a_thousand_filters_find_what_a_plain_evaluation_finds(
    tables: Connection, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Whatever the plan: `few` decides which table the search begins with."""
    monkeypatch.setattr(searching, "_FEW", few)
    chance = random.Random(few)  # noqa: S311 - made-up filters
    answers = []
    for _ in range(1000):
        text, test = made_test(chance)
        expected = plainly(test)
        assert ids(tables, text) == expected, text
        answers.append(len(expected))
    assert len(set(answers)) > 50, "the filters tell runs apart"


@pytest.mark.parametrize("few", [0, 5000])
@pytest.mark.parametrize("where", ["", "metrics.acc > 0", "metrics.acc.min < 0 and metrics.acc < 0.5", "params.lr = 1"])
@pytest.mark.parametrize(
    "order", ["metrics.acc", "metrics.acc.step", "params.lr", "name", "duration", "metrics.acc - metrics.val/loss"]
)
@pytest.mark.parametrize("sign", ["", "-"])
def test_orders_are_those_of_a_plain_sort(
    tables: Connection, monkeypatch: pytest.MonkeyPatch, few: int, where: str, order: str, sign: str
) -> None:
    monkeypatch.setattr(searching, "_FEW", few)
    number, text = param("lr")
    plain: dict[str, Value] = {
        "metrics.acc": metric("acc", "last"),
        "metrics.acc.step": metric("acc", "step"),
        "name": lambda run: run.name,
        "duration": lambda run: run.duration,
    }

    def keys(run: Run) -> list[float | str | None]:
        if order == "params.lr":
            return [number(run), text(run)]
        if order == "metrics.acc - metrics.val/loss":
            return [calculated(metric("acc", "last"), "-", metric("val/loss", "last"))(run)]
        return [plain[order](run)]

    condition = parse_filter(where, NOW) if where else None
    wanted = {hit.id for hit in search(tables, Query(condition))}
    expected = sorted((run for run in RUNS if run.id in wanted), key=lambda run: (-run.start, run.id))
    for place in reversed(range(len(keys(RUNS[0])))):
        with_value = [run for run in expected if keys(run)[place] is not None]
        without = [run for run in expected if keys(run)[place] is None]
        expected = sorted(with_value, key=lambda run: keys(run)[place], reverse=bool(sign)) + without  # type: ignore[arg-type,return-value]
    for limit in (None, 0, 1, 7, 60, 10**30):
        found = search(tables, Query(condition, (parse_order(sign + order),), limit))
        assert [hit.id for hit in found] == [run.id for run in expected][: len(expected) if limit is None else limit]
    one, other = (tables_of(half) for half in (RUNS[:40], RUNS[40:]))
    query = Query(condition, (parse_order(sign + order),))
    merged = ordering(query.order).sorted(search(one, query) + search(other, query))
    assert [hit.id for hit in merged] == [run.id for run in expected], "runs of two tables, merged"
    one.close()
    other.close()


def test_ids_and_commits_are_found_by_their_beginning(tables: Connection) -> None:
    run = next(run for run in RUNS if not run.deleted)
    assert ids(tables, f"run_id = '{run.id[:10].upper()}'") == [run.id]
    assert ids(tables, f"id in ('{run.id}', '0000')") == [run.id]
    same = plainly(lambda other: other.code.commit == run.code.commit)
    assert ids(tables, f"code.commit = '{run.code.commit}'") == same
    assert ids(tables, f"code.commit != '{run.code.commit}'") == plainly(lambda o: o.code.commit != run.code.commit)
    assert [hit.id for hit in search(tables, Query(commits=frozenset([str(run.code.commit)])))] == same


def test_times_flags_statuses_and_inputs(tables: Connection) -> None:
    assert ids(tables, "start_time > '2 days ago'") == plainly(lambda run: run.start > NOW - 2 * DAY)
    milliseconds = int((NOW - 3 * DAY) * 1000)
    assert ids(tables, f"attributes.start_time >= {milliseconds}") == plainly(lambda r: r.start >= NOW - 3 * DAY)
    assert ids(tables, "duration > '1h'") == plainly(lambda run: run.duration is not None and run.duration > 3600)
    assert ids(tables, "dirty") == ids(tables, "code.dirty = true") == plainly(lambda run: run.code.dirty)
    assert ids(tables, "NOT dirty") == plainly(lambda run: not run.code.dirty)
    assert ids(tables, "status = 'FINISHED'") == plainly(lambda run: run.status == "finished")
    assert ids(tables, "end_time IS NULL") == plainly(lambda run: run.end is None)
    assert ids(tables, "lifecycle_stage = 'deleted'", include_deleted=True) == plainly(
        lambda r: r.deleted, deleted=True
    )
    assert ids(tables, "datasets.name = 'train'") == plainly(lambda run: bool(run.inputs))
    assert ids(tables, "datasets.digest = 'abab' AND inputs.path LIKE '%.csv'") == plainly(lambda r: bool(r.inputs))
    assert ids(tables, "inputs.name IS NULL") == plainly(lambda run: not run.inputs)


def test_nan_is_no_value_and_can_be_asked_for(tables: Connection) -> None:
    def is_nan(run: Run) -> bool:
        return "acc" in run.metrics and math.isnan(run.metrics["acc"].last)

    assert plainly(is_nan)
    assert ids(tables, "metrics.acc IS NAN") == plainly(is_nan)
    assert ids(tables, "metrics.acc IS NOT NAN") == plainly(lambda r: "acc" in r.metrics and not is_nan(r))
    assert not set(ids(tables, "metrics.acc < 0 or metrics.acc >= 0")) & set(plainly(is_nan))
    assert ids(tables, "metrics.acc IS NULL") == plainly(lambda run: "acc" not in run.metrics)


def test_params_are_compared_as_what_they_are(tables: Connection) -> None:
    number, text = param("lr")
    assert ids(tables, "params.lr = 0.1") == ids(tables, "params.lr = '0.1'") == plainly(lambda r: number(r) == 0.1)
    assert ids(tables, "params.lr < '0.05'") == plainly(compared(number, "<", lambda _: 0.05))
    for spelled in ("true", "'true'", "'True'"):
        assert ids(tables, f"params.lr = {spelled}") == plainly(lambda run: text(run) == "true")
        assert ids(tables, f"params.lr != {spelled}") == plainly(lambda run: text(run) not in (None, "true"))
    for spelled in ("None", "null"):
        assert ids(tables, f"params.lr = '{spelled}'") == plainly(lambda run: text(run) == "null")
    assert ids(tables, "params.lr IS NAN") == plainly(lambda run: str(run.params.get("lr")) == "nan")
    same = ids(tables, "params.lr = params.lr")
    assert same == plainly(lambda run: text(run) is not None)
    assert ids(tables, "params.lr = tags.stage") == []


def test_what_sqlite_cannot_hold_is_a_question_too_long(tables: Connection) -> None:
    assert ids(tables, " + ".join(["metrics.acc"] * 300) + " > 100000") is not None
    for text in (" / ".join(["metrics.acc"] * 400) + " > 0", "name LIKE '" + "%a" * 9_000 + "'"):
        try:
            ids(tables, text)
        except UsageError as error:
            assert "too long or too deep" in str(error)  # noqa: PT017 - it may also be answered
    query = Query(order=(parse_order("params.lr"),) * 700)
    with pytest.raises(UsageError, match="too long or too deep"):
        search(tables, query)
    assert ids(tables, "metrics.`\udcff` > 1 or params.`\udcff` IS NULL and tags.`\udcff` = 'x'") == []
    assert ids(tables, f"start_time > {'9' * 399}") == []


def test_a_query_that_takes_too_long_is_stopped_with_a_word(
    tables: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "SECONDS", -1.0)
    monkeypatch.setattr(searching, "_OPERATIONS", 1)
    with pytest.raises(GittrackError, match=r"took more than -1 s and was stopped; bound it"):
        ids(tables, "metrics.acc.min > 0")
    monkeypatch.undo()
    assert ids(tables, "metrics.acc.min > -10")
