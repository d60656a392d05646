"""Inputs for the fuzzer: valid ones, changed at random in ways that keep most of their structure."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LIMIT: Final = 64 * 1024  # bytes of one input
_USUAL: Final = 1500
_BOMB_EVERY: Final = 1000
_WORD: Final = re.compile(rb"[A-Za-z_]+|[0-9.]+|\s+|[^\w\s]")

# What parsers and terminals trip over: limits of integers, depths, escapes, controls, Unicode, aliases, tags.
HOSTILE: Final = (
    b"\0", b"\r", b"\n", b"\t", b" ", b"\x1b[31m", b"\x1b]0;x\x07", b"\x7f", b"\xc2\x85", b"\xe2\x80\xa8",
    b"\xe2\x80\xae", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"\xff", b"\xc3", b"\xf0\x9f\x98\x80",
    b"0", b"-0.0", b"1", b"-1", b"9223372036854775808", b"1" * 400, b"9" * 4301, b"0x" + b"f" * 5000, b"0b1", b"0o17",
    b"1e400", b"-1e-400", b"1e99999999", b"nan", b".nan", b".inf", b"-.inf", b"NaN", b"Infinity", b"1_000", b"1:59:59",
    b"1:2:3.5", b"2024-01-01", b"2024-13-45", b"9999-12-31T23:59:59.999Z", b"0000-00-00T00:00:00.000Z", b"\xd9\xa3",
    b"&a ", b"*a", b"<<: ", b"!!int ", b"!!float ", b"!!bool ", b"!!null ", b"!!timestamp ", b"!!binary ", b"!!set ",
    b"!!omap ", b"!!pairs ", b"!!python/object:os.system ", b"? ", b"- ", b": ", b", ", b"[", b"]", b"{", b"}", b"|\n",
    b">\n", b"'", b'"', b"#", b"%", b"@", b"`", b"~", b"---\n", b"...\n", b"null", b"true", b"yes", b"=",
    b"..", b"/", b"\\", b".git", b"con", b"~", b"latest", b"latest~1", b"--", b"-", b"password=", b"token: ",
)  # fmt: skip


class Mutator:
    """Makes one input after another from `seeds` and `tokens`; the same seed gives the same inputs."""

    def __init__(self, seeds: Sequence[bytes], tokens: Sequence[bytes], seed: int) -> None:
        """Start with the seeds themselves."""
        self._random = random.Random(seed)  # noqa: S311 - inputs that come again, not secrets
        self._seeds = list(seeds)
        self._tokens = [*tokens, *HOSTILE]
        self._count = 0

    def next(self) -> bytes:
        """Return the next input: the seeds first, each as it is."""
        self._count += 1
        if self._count <= len(self._seeds):
            return self._seeds[self._count - 1]
        return self.change(self._random.choice(self._seeds), bomb=self._count % _BOMB_EVERY == 0)

    def change(self, data: bytes, *, bomb: bool = False) -> bytes:
        """Return `data` changed a few times; its first byte, which chooses what is tried, stays most of the time."""
        rng = self._random
        head, body = data[:1], data[1:]
        if bomb:
            return (head + self._bomb(body))[:LIMIT]
        for _ in range(1 + int(rng.expovariate(0.7))):
            body = rng.choice(_CHANGES)(self, body)
        if rng.random() < 0.02:
            head = bytes((rng.randrange(256),))
        return head + body[:_USUAL] if rng.random() < 0.99 else head + body[:LIMIT]

    def _bomb(self, body: bytes) -> bytes:
        """A piece repeated until nothing more may follow: depths, long numbers, what makes an expression quadratic."""
        rng = self._random
        at = rng.randrange(len(body) + 1)
        piece = body[at : at + rng.choice((1, 1, 2, 3, 5, 8, 13))] or b"["
        if rng.random() < 0.5:
            piece = rng.choice(self._tokens)
        if rng.random() < 0.3:
            piece += rng.choice(self._tokens)
        times = rng.choice((300, 3000, LIMIT)) // len(piece)
        return body[:at] + piece * times + body[at : at + rng.choice((0, 20, 200))]

    def _insert(self, body: bytes) -> bytes:
        at = self._random.randrange(len(body) + 1)
        return body[:at] + self._random.choice(self._tokens) + body[at:]

    def _flip(self, body: bytes) -> bytes:
        if not body:
            return body
        at = self._random.randrange(len(body))
        return body[:at] + bytes((body[at] ^ (1 << self._random.randrange(8)),)) + body[at + 1 :]

    def _cut(self, body: bytes) -> bytes:
        start, end = sorted((self._random.randrange(len(body) + 1), self._random.randrange(len(body) + 1)))
        return body[:start] + body[min(end, start + 40) :]

    def _double(self, body: bytes) -> bytes:
        start = self._random.randrange(len(body) + 1)
        piece = body[start : start + self._random.choice((1, 3, 9, 30, 100))]
        return body[:start] + piece * self._random.choice((2, 2, 3, 10)) + body[start:]

    def _splice(self, body: bytes) -> bytes:
        other = self._random.choice(self._seeds)[1:]
        start, at = self._random.randrange(len(other) + 1), self._random.randrange(len(body) + 1)
        return body[:at] + other[start : start + self._random.choice((5, 20, 100))] + body[at:]

    def _swap_lines(self, body: bytes) -> bytes:
        lines = body.split(b"\n")
        a, b = self._random.randrange(len(lines)), self._random.randrange(len(lines))
        lines[a], lines[b] = lines[b], lines[a]
        return b"\n".join(lines)

    def _replace_word(self, body: bytes) -> bytes:
        at = self._random.randrange(len(body) + 1)
        found = _WORD.search(body, at)
        if found is None:
            return body
        return body[: found.start()] + self._random.choice(self._tokens) + body[found.end() :]


_CHANGES: tuple[Callable[[Mutator, bytes], bytes], ...] = (
    Mutator._insert, Mutator._flip, Mutator._cut, Mutator._double, Mutator._splice, Mutator._swap_lines,
    Mutator._replace_word, Mutator._replace_word, Mutator._replace_word,
)  # fmt: skip
