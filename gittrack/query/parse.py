"""The grammar of filters and orders.

condition   := all (OR all)*                all  := one (AND one)*        one := NOT one | comparison
comparison  := sum [ sign sum | [NOT] IN (value, …) | [NOT] [I]LIKE 'text' | [NOT] BETWEEN sum AND sum
                   | IS [NOT] NULL | IS [NOT] NAN ]
sum         := product ((+ | -) product)*   product := term ((* | /) term)*
term        := - term | number | 'text' | name | TRUE | FALSE | ( condition )
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias, TypeVar

from gittrack.query.comparisons import MismatchError, check_number, comparison, like
from gittrack.query.fields import UnknownFieldError, field_of
from gittrack.query.problem import QueryError
from gittrack.query.terms import (
    And,
    Arithmetic,
    Comparison,
    Condition,
    Field,
    Like,
    Literal,
    Missing,
    Mode,
    Not,
    NotANumber,
    Operand,
    Or,
    Order,
    Source,
    Type,
)
from gittrack.query.tokens import Token, tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from gittrack.query.fields import Bare

_Expression: TypeAlias = Operand | Condition
_T = TypeVar("_T")

DEPTH_LIMIT: Final = 25  # brackets inside of brackets, NOT and minus signs included
CONDITIONS_LIMIT: Final = 500
_SIGNS: Final = {"=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_KEYWORDS: Final = frozenset(
    ("and", "or", "not", "in", "like", "ilike", "is", "null", "nan", "between", "true", "false", "asc", "desc")
)


def parse_filter(text: str, now: float, bare: Bare | None = None) -> Condition:
    """Return the condition that `text` is; relative times count from `now`, in seconds since the epoch.

    `bare` tells what a name that is no built-in field means. Raises QueryError, with the column, for what is no filter.
    """
    parser = _Parser(text, now, bare)
    start = parser.token
    found = parser.alternatives()
    parser.expect_end("AND, OR or the end")
    return parser.condition(found, start)


def parse_order(text: str, bare: Bare | None = None) -> Order:
    """Return the order that `text` is: a field or a sum, with a leading - or a trailing DESC the greatest first.

    `bare` as for a filter. Raises QueryError for what is no order.
    """
    parser = _Parser(text, 0.0, bare)
    minus = bool(parser.take_sign("-"))
    descending = minus
    start = parser.token
    operand = parser.operand(parser.sum(), start)
    if minus and parser.token.value.lower() in ("asc", "desc"):
        parser.fail("either a leading - or ASC or DESC, not both")
    if parser.take_word("desc"):
        descending = True
    else:
        parser.take_word("asc")
    parser.expect_end("ASC, DESC or the end")
    if isinstance(operand, Literal):
        parser.fail("a name to sort by, as in metrics.acc, was expected", start)
    if isinstance(operand, Field) and operand.source is Source.INPUT:
        parser.fail("runs cannot be sorted by their inputs, of which there may be many", start)
    return Order(operand, descending)


def parse_field(text: str, bare: Bare | None = None) -> Field:
    """Return the field that `text` names, `bare` as for a filter; QueryError where it names none."""
    parser = _Parser(text, 0.0, bare)
    start = parser.token
    operand = parser.operand(parser.sum(), start)
    parser.expect_end("the end of the name")
    if not isinstance(operand, Field):
        parser.fail("a name, as in metrics.acc, was expected", start)
    return operand


class _Parser:
    """Reads one text from left to right, a method for each rule of the grammar."""

    def __init__(self, text: str, now: float, bare: Bare | None) -> None:
        self._text = text
        self._now = now
        self._bare = bare
        self._tokens = tokens_of(text)
        self._place = 0
        self._depth = 0
        self._conditions = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._place]

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        raise QueryError(message, self._text, (token or self.token).column)

    def expect_end(self, expected: str) -> None:
        if self.token.kind != "end":
            self.fail(f"expected {expected}, found {self._found()}")

    # Words

    def take_sign(self, *signs: str) -> str:
        return self._take("sign", signs)

    def take_word(self, *words: str) -> str:
        return self._take("name", words)

    def _take(self, kind: str, values: tuple[str, ...]) -> str:
        token = self.token
        value = token.value.lower()
        if token.kind != kind or value not in values:
            return ""
        self._place += 1
        return value

    def _expect(self, sign: str) -> None:
        if not self.take_sign(sign):
            self.fail(f"expected {sign!r}, found {self._found()}")

    def _found(self) -> str:
        token = self.token
        return "the end" if token.kind == "end" else repr(token.value)

    # Conditions

    def alternatives(self) -> _Expression:
        return self._joined("or", self._all, Or)

    def _all(self) -> _Expression:
        return self._joined("and", self._one, And)

    def _joined(self, word: str, rule: Callable[[], _Expression], kind: type[And | Or]) -> _Expression:
        start = self.token
        first = rule()
        if not (self.token.kind == "name" and self.token.value.lower() == word):
            return first
        found = [self.condition(first, start)]
        while self.take_word(word):
            start = self.token
            found.append(self.condition(rule(), start))
        return kind(tuple(found))

    def _one(self) -> _Expression:
        if not self.take_word("not"):
            return self._comparison()
        with _Deeper(self):
            start = self.token
            return Not(self.condition(self._one(), start))

    def _comparison(self) -> _Expression:
        start = self.token
        left = self.sum()
        sign = self.take_sign(*_SIGNS)
        if sign:
            return self._compared(left, _SIGNS[sign], start)
        negated = bool(self.take_word("not"))
        word = self.take_word("in", "like", "ilike", "between") or ("" if negated else self.take_word("is"))
        if negated and not word:
            self.fail(f"expected IN, LIKE, ILIKE or BETWEEN after NOT, found {self._found()}")
        if not word:
            return left
        self._count(start)
        found = self._predicate(word, self.operand(left, start), start)
        return Not(found) if negated else found

    def _compared(self, left: _Expression, sign: str, start: Token) -> Condition:
        self._count(start)
        operand = self.operand(left, start)
        right = self.token
        return self._typed(lambda: comparison(operand, sign, self.operand(self.sum(), right), self._now), right)

    def _predicate(self, word: str, operand: Operand, start: Token) -> Condition:
        if word == "in":
            return self._membership(operand)
        if word == "between":
            return self._between(operand, start)
        if not isinstance(operand, Field):
            self.fail("a name, as in params.model, was expected here", start)
        if word == "is":
            return self._is(operand)
        return self._like(operand, ignore_case=word == "ilike")

    def _membership(self, operand: Operand) -> Condition:
        self._expect("(")
        found = []
        while True:
            token = self.token
            found.append(self._typed(lambda: comparison(operand, "=", self._value(), self._now), token))
            if not self.take_sign(","):
                break
        self._expect(")")
        return Or(tuple(found)) if len(found) > 1 else found[0]

    def _between(self, operand: Operand, start: Token) -> Condition:
        low = self._compared(operand, ">=", start)
        if not self.take_word("and"):
            self.fail(f"expected AND and the upper end of BETWEEN, found {self._found()}")
        return And((low, self._compared(operand, "<=", start)))

    def _is(self, field: Field) -> Condition:
        negated = bool(self.take_word("not"))
        token = self.token
        word = self.take_word("null", "nan")
        if not word:
            self.fail(f"expected NULL or NAN, found {self._found()}")
        if word == "null":
            found: Condition = Missing(field)
        elif field.source in (Source.METRIC, Source.PARAM):
            found = NotANumber(field)
        else:
            self.fail("only a metric or a param can be NAN", token)
        return Not(found) if negated else found

    def _like(self, field: Field, *, ignore_case: bool) -> Like:
        token = self.token
        value = self._value()
        if not isinstance(value, Literal) or not isinstance(value.value, str):
            self.fail("expected a pattern in quotes, as in '%tree%'", token)
        pattern = value.value
        return self._typed(lambda: like(field, pattern, ignore_case=ignore_case), token)

    def _count(self, start: Token) -> None:
        self._conditions += 1
        if self._conditions > CONDITIONS_LIMIT:
            self.fail(f"more than {CONDITIONS_LIMIT} conditions are not allowed; use IN for many values", start)

    def condition(self, found: _Expression, start: Token) -> Condition:
        """What was read as a condition: a flag stands for itself being true."""
        if isinstance(found, Field) and found.type is Type.FLAG:
            return Comparison(found, "=", Literal(True), Mode.NUMBER)  # noqa: FBT003 - a value, not a flag
        if isinstance(found, (Field, Literal, Arithmetic)):
            after = "" if self.token.kind == "end" else f", found {self._found()}"
            self.fail(f"expected a comparison, such as = or >, after this{after}", start)
        return found

    # Operands

    def sum(self) -> _Expression:
        return self._calculated(("+", "-"), self._product)

    def _product(self) -> _Expression:
        return self._calculated(("*", "/"), self._term)

    def _calculated(self, signs: tuple[str, ...], rule: Callable[[], _Expression]) -> _Expression:
        start = self.token
        left = rule()
        while sign := self.take_sign(*signs):
            self._count(start)
            operand, token = self.operand(left, start), self.token
            right = self.operand(rule(), token)
            self._check_number(operand, start)
            self._check_number(right, token)
            left = Arithmetic(sign, operand, right)
        return left

    def operand(self, found: _Expression, start: Token) -> Operand:
        """What was read as a value."""
        if not isinstance(found, (Field, Literal, Arithmetic)):
            self.fail("expected a name or a value, found a condition", start)
        return found

    def _term(self) -> _Expression:
        token = self.token
        if self.take_sign("-"):
            with _Deeper(self):
                operand = self.operand(self._term(), token)
                self._check_number(operand, token)
                if isinstance(operand, Literal) and not isinstance(operand.value, str):
                    return Literal(-operand.value)
                return Arithmetic("-", Literal(0), operand)
        if self.take_sign("("):
            with _Deeper(self):
                found = self.alternatives()
            self._expect(")")
            return found
        return self._value()

    def _value(self) -> Operand:
        token = self.token
        if token.kind == "end" or (token.kind == "sign" and token.value != "-"):
            self.fail(f"expected a name or a value, found {self._found()}")
        self._place += 1
        if token.kind == "sign":
            if self.token.kind == "sign":
                self.fail(f"expected a number after the minus sign, found {self._found()}")
            negative = self._value()
            if isinstance(negative, Literal) and not isinstance(negative.value, (str, bool)):
                return Literal(-negative.value)
            self.fail("expected a number after the minus sign", token)
        if token.kind == "number":
            return Literal(_number(token.value))
        if token.kind in ("text", "quoted"):
            return Literal(token.value)
        return self._named(token)

    def _named(self, token: Token) -> Operand:
        word = token.value.lower()
        if word in ("true", "false"):
            return Literal(word == "true")
        if word in ("inf", "infinity"):
            return Literal(float("inf"))
        if word in _KEYWORDS:
            self.fail(f"expected a name or a value, found {token.value!r}", token)
        try:
            return field_of(token.value, self._bare)
        except UnknownFieldError as error:
            self.fail(str(error), token)

    def _typed(self, build: Callable[[], _T], token: Token) -> _T:
        try:
            return build()
        except MismatchError as error:
            self.fail(str(error), token)

    def _check_number(self, operand: Operand, token: Token) -> None:
        self._typed(lambda: check_number(operand), token)

    def deepen(self, by: int) -> None:
        """Count what is inside of what; the limit keeps Python's own stack out of it."""
        self._depth += by
        if self._depth > DEPTH_LIMIT:
            self.fail(f"more than {DEPTH_LIMIT} levels of brackets are not allowed")


class _Deeper:
    """One level deeper for the length of a with."""

    def __init__(self, parser: _Parser) -> None:
        self._parser = parser

    def __enter__(self) -> None:
        self._parser.deepen(1)

    def __exit__(self, *error: object) -> None:
        self._parser.deepen(-1)


def _number(word: str) -> int | float:
    # An integer of any length; SQLite has 64 bits and takes the nearest float beyond.
    return int(word) if word.isdigit() and len(word) < 400 else float(word)
