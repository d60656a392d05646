"""A condition as SQL over the tables of the index; every value that somebody typed is bound, never spliced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from gittrack.query.terms import (
    And,
    Arithmetic,
    Comparison,
    Condition,
    Constant,
    Field,
    Like,
    Literal,
    Missing,
    Mode,
    Not,
    NotANumber,
    Operand,
    Or,
    Source,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from sqlite3 import Connection

Bound: TypeAlias = "tuple[str, list[int | float | str]]"  # SQL, and the values for its question marks

# Columns of the table runs, aliased r.
COLUMNS: Final = {
    "id": "r.id",
    "name": "r.name",
    "experiment": "r.experiment",
    "status": "r.status",
    "start_time": "r.start",
    "end_time": "r.end",
    "duration": "r.duration",
    "author": "r.author",
    "author.email": "r.email",
    "host": "r.host",
    "user": "r.user",
    "parent": "r.parent",
    "reproduces": "r.reproduces",
    "description": "r.description",
    "deleted": "r.deleted",
    "code.commit": "r.commit_id",
    "code.branch": "r.branch",
    "code.dirty": "r.dirty",
    "code.tree": "r.tree",
}
_FOLD: Final = "gittrack_fold"


def register_functions(db: Connection) -> None:
    """Give a connection the function that LIKE without case needs."""
    db.create_function(_FOLD, 1, _folded, deterministic=True)


def _folded(text: str | float | None) -> str | float | None:
    return text.casefold() if isinstance(text, str) else text


def condition_sql(condition: Condition, known: Mapping[Field, str] | None = None) -> Bound:
    """Return the SQL of a condition on the run of r; `known` has fields that a table in hand already tells."""
    return _Writer(known or {}).condition(condition)


def number_sql(operand: Operand, known: Mapping[Field, str] | None = None) -> Bound:
    """Return the SQL of an operand as a number."""
    return _Writer(known or {}).number(operand)


def text_sql(operand: Operand) -> Bound:
    """Return the SQL of an operand as text."""
    return _Writer({}).text(operand)


class _Writer:
    """Writes conditions; a field in `known` is the column that stands there."""

    def __init__(self, known: Mapping[Field, str]) -> None:
        self._known = known

    def condition(self, condition: Condition) -> Bound:
        match condition:
            case And(conditions=conditions):
                return _joined("AND", [self.condition(each) for each in conditions])
            case Or(conditions=conditions):
                return self._any(conditions)
            case Not(condition=inner):
                return _opposite(self.condition(inner))
            case _:
                return self._test(condition)

    def _test(self, condition: Comparison | Like | Missing | NotANumber) -> Bound:
        match condition:
            case Comparison():
                return self._comparison(condition)
            case Like(operand=field, pattern=pattern, ignore_case=ignore_case):
                return self._like(field, pattern, ignore_case=ignore_case)
            case Missing(field=field):
                return self._missing(field)
            case NotANumber(field=field):
                return self._not_a_number(field)

    def _any(self, conditions: Sequence[Condition]) -> Bound:
        """One of them; a list of values for one field becomes one IN."""
        first = conditions[0]
        same = isinstance(first, Comparison) and first.mode in (Mode.TEXT, Mode.NUMBER)
        values: list[int | float | str] = []
        for each in conditions:
            if not (
                same
                and isinstance(each, Comparison)
                and isinstance(first, Comparison)
                and (each.left, each.sign, each.mode) == (first.left, "=", first.mode)
                and isinstance(each.right, Literal)
            ):
                return _joined("OR", [self.condition(each) for each in conditions])
            values.append(bindable(each.right.value))
        assert isinstance(first, Comparison)
        marks = ", ".join("?" * len(values))
        if isinstance(first.left, Field) and first.left.source is Source.INPUT:
            return _of_inputs(f"{first.left.part} IN ({marks})", values)
        sql, bound = self.text(first.left) if first.mode is Mode.TEXT else self.number(first.left)
        return f"({sql} IN ({marks}))", bound + values

    def _comparison(self, comparison: Comparison) -> Bound:
        left, right = comparison.left, comparison.right
        if isinstance(left, Field) and left.source is Source.INPUT:
            return _of_inputs(*_held_against(left.part, comparison))
        if comparison.mode is Mode.BEGINNING:
            assert isinstance(right, Literal)
            sql, values = self.text(left)
            return _begins(sql, values, str(right.value))
        if comparison.mode is Mode.EITHER:
            return self._either(comparison)
        one, other = (
            (self.text(left), self.text(right))
            if comparison.mode is Mode.TEXT
            else (self.number(left), self.number(right))
        )
        return f"({one[0]} {comparison.sign} {other[0]})", one[1] + other[1]

    def _either(self, comparison: Comparison) -> Bound:
        numbers = [self.number(side) for side in (comparison.left, comparison.right)]
        texts = [self.text(side) for side in (comparison.left, comparison.right)]
        (a, a_values), (b, b_values) = numbers
        (c, c_values), (d, d_values) = texts
        sign = comparison.sign
        sql = f"(CASE WHEN {a} IS NOT NULL AND {b} IS NOT NULL THEN {a} {sign} {b} ELSE {c} {sign} {d} END)"
        return sql, [*a_values, *b_values, *a_values, *b_values, *c_values, *d_values]

    def _like(self, field: Field, pattern: str, *, ignore_case: bool) -> Bound:
        glob = bindable(_glob(pattern.casefold() if ignore_case else pattern))
        if field.source is Source.INPUT:
            column = f"{_FOLD}({field.part})" if ignore_case else field.part
            return _of_inputs(f"{column} GLOB ?", [glob])
        sql, values = self.text(field)
        return f"({f'{_FOLD}({sql})' if ignore_case else sql} GLOB ?)", [*values, glob]

    def _missing(self, field: Field) -> Bound:
        if field.source is Source.ATTRIBUTE:
            return f"({COLUMNS[field.key]} IS NULL OR {COLUMNS[field.key]} = '')", []
        if field.source is Source.INPUT:
            return "(NOT EXISTS (SELECT 1 FROM inputs WHERE run = r.run))", []
        table = field.source.value
        return f"(NOT EXISTS (SELECT 1 FROM {table} WHERE run = r.run AND key = ?))", [bindable(field.key)]

    def _not_a_number(self, field: Field) -> Bound:
        if field.source is Source.PARAM:
            return "(SELECT text IS NULL FROM params WHERE run = r.run AND key = ?)", [bindable(field.key)]
        # NaN is NULL in the index; so is a step that was not given, which is no NaN.
        test = "0" if field.part.endswith("step") else f"{field.part} IS NULL"
        return f"(SELECT {test} FROM metrics WHERE run = r.run AND key = ?)", [bindable(field.key)]

    def number(self, operand: Operand) -> Bound:
        """An operand as a number, NULL where it is none."""
        if isinstance(operand, Literal):
            return "?", [bindable(operand.value)]
        if isinstance(operand, Arithmetic):
            (left, left_values), (right, right_values) = self.number(operand.left), self.number(operand.right)
            # Two integers are divided as in Python.
            left = f"CAST({left} AS REAL)" if operand.sign == "/" else left
            # A chain of sums, or of products, goes without brackets on its left: SQLite bounds their depth.
            if isinstance(operand.left, Arithmetic) and operand.sign != "/":
                same = ("+", "-") if operand.sign in ("+", "-") else ("*",)
                left = left[1:-1] if operand.left.sign in same else left
            return f"({left} {operand.sign} {right})", left_values + right_values
        if operand in self._known:
            return self._known[operand], []
        if operand.source is Source.ATTRIBUTE:
            return COLUMNS[operand.key], []
        if operand.source is Source.METRIC:
            return f"(SELECT {operand.part} FROM metrics WHERE run = r.run AND key = ?)", [bindable(operand.key)]
        return "(SELECT number FROM params WHERE run = r.run AND key = ?)", [bindable(operand.key)]

    def text(self, operand: Operand) -> Bound:
        """An operand as text, NULL where there is none."""
        if isinstance(operand, Literal):
            return "?", [bindable(operand.value)]
        assert isinstance(operand, Field)
        if operand.source is Source.ATTRIBUTE:
            return COLUMNS[operand.key], []
        column = "value" if operand.source is Source.TAG else "text"
        return f"(SELECT {column} FROM {operand.source.value} WHERE run = r.run AND key = ?)", [bindable(operand.key)]


def _joined(word: str, parts: Sequence[Bound]) -> Bound:
    """The parts with AND or OR between them, as a balanced tree: SQLite bounds the depth of an expression."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    (left, left_values), (right, right_values) = _joined(word, parts[:middle]), _joined(word, parts[middle:])
    return f"({left} {word} {right})", left_values + right_values


def _opposite(bound: Bound) -> Bound:
    return f"(NOT {bound[0]})", bound[1]


def _of_inputs(test: str, values: list[int | float | str]) -> Bound:
    return f"(EXISTS (SELECT 1 FROM inputs WHERE run = r.run AND {test}))", values


def _held_against(column: str, comparison: Comparison) -> Bound:
    assert isinstance(comparison.right, Literal)
    value = bindable(comparison.right.value)
    if comparison.mode is Mode.BEGINNING:
        return _begins(column, [], str(value))
    return f"{column} {comparison.sign} ?", [value]


def _begins(sql: str, values: list[int | float | str], beginning: str) -> Bound:
    # 'g' comes after every hexadecimal digit; a range can use an index.
    return f"({sql} >= ? AND {sql} < ?)", [*values, beginning, *values, beginning + "g"]


def _glob(pattern: str) -> str:
    """A pattern of LIKE as one of GLOB, which minds the case."""
    table = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(table.get(character, character) for character in pattern)


def bindable(value: Constant) -> int | float | str:
    """Return what SQLite can hold of a value: 64 bits of an integer, else the nearest float."""
    if isinstance(value, str):
        # What was typed may hold bytes that are no UTF-8; nothing in the index is called so.
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float) or -(2**63) <= value < 2**63:
        return int(value) if isinstance(value, bool) else value
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
