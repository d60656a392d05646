"""Turns what a command sends to a terminal into the plain text that the terminal showed: pure."""

from __future__ import annotations

import codecs
import re
from typing import Final

LINE_LIMIT: Final = 64 * 1024

# A control character and, after ESC, the rest of its sequence: CSI, charset and the like, one character.
# The lengths are bounded so that a stray ESC cannot swallow what follows. One leading class keeps the
# search fast on text that has none of them. U+0080..U+009F are the same controls in their 8-bit form.
_SPECIAL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    "(?:(?<=\x1b)(?:\\[[0-?]{0,64}[ -/]{0,8}[@-~]?|[ -/]{1,8}[0-~]?|[0-~])"
    "|(?<![\x1b\r\b])[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]+)?"
)
_UNFINISHED: Final = re.compile("\x1b(?:\\[[0-?]{0,64}[ -/]{0,8}|[ -/]{0,8})\\Z")
_LONGEST_SEQUENCE: Final = 80

# OSC, DCS, SOS, PM and APC carry text up to a terminator. A newline ends them too: text that was never
# terminated then costs the log one line and not its rest.
_STRING_STARTS: Final = frozenset(("\x1b]", "\x1bP", "\x1bX", "\x1b^", "\x1b_"))
_STRING_END: Final = re.compile("[\x07\x18\x1a\x1b\x9c\n]")


class _Line:
    """The line being printed, with the cursor that backspaces and redraws move."""

    __slots__ = ("_back", "_before", "text")

    def __init__(self) -> None:
        self.text = ""
        self._before = ""  # what the line showed before the last carriage return
        self._back = 0  # how far the cursor stands left of the end

    def put(self, text: str) -> None:
        if not self._back:
            self.text += text
            return
        at = len(self.text) - self._back
        self.text = self.text[:at] + text + self.text[at + len(text) :]
        self._back = max(0, self._back - len(text))

    def carriage_return(self) -> None:
        self._before = self.text or self._before
        self.text = ""
        self._back = 0

    def backspace(self) -> None:
        self._back = min(self._back + 1, len(self.text))

    def erase(self, extent: str) -> None:
        """Apply ECMA-48 EL: '' or '0' to the end, '1' up to the cursor, '2' the whole line."""
        keep = len(self.text) - self._back if extent in ("", "0") else 0
        self.text = self.text[:keep]
        self._back = 0
        self._before = ""

    def take(self, limit: int) -> str:
        """Remove the first part of a line that has grown to `limit`, if possible at a space."""
        cut = self.text.rfind(" ", limit // 2, limit) + 1 or limit
        part, self.text = self.text[:cut], self.text[cut:]
        self._before = ""
        return part

    def shown(self) -> str:
        return self.text or self._before


class OutputCleaner:
    """Turns raw output, in chunks cut anywhere, into plain UTF-8 lines.

    Of a line redrawn with carriage returns the last state that was not empty stays. Only whole lines
    come out of `feed`; a line of 64 Ki characters comes out in parts.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._in_string = False
        self._line = _Line()
        self._done: list[str] = []

    def feed(self, chunk: bytes) -> bytes:
        """Take the next raw bytes and return the cleaned bytes that are certain by now."""
        text = self._held + self._decoder.decode(chunk)
        unfinished = _UNFINISHED.search(text, max(0, len(text) - _LONGEST_SEQUENCE))
        self._held = unfinished.group() if unfinished else ""
        self._interpret(text[: len(text) - len(self._held)])
        return self._drain()

    def finish(self) -> bytes:
        """Return what is left of the last line, which had no newline; nothing may be fed after it."""
        self._interpret(self._decoder.decode(b"", final=True))
        self._done.append(self._line.shown())
        return self._drain()

    def _drain(self) -> bytes:
        done = "".join(self._done)
        self._done.clear()
        return done.encode()

    def _interpret(self, text: str) -> None:
        plain: list[str] = []
        at = 0
        while at < len(text):
            if self._in_string:
                end = _STRING_END.search(text, at)
                if end is None:
                    break
                self._in_string = False
                at = end.start()
            special = _SPECIAL.search(text, at)
            if special is None:
                plain.append(text[at:])
                break
            plain.append(text[at : special.start()])
            at = special.end()
            token = special.group()
            if _moves(token):
                self._print("".join(plain))
                plain.clear()
                self._move(token)
            elif token in _STRING_STARTS:
                self._in_string = True
        self._print("".join(plain))

    def _move(self, token: str) -> None:
        if token == "\b":  # noqa: S105 - a terminal control
            self._line.backspace()
        elif token[-1] == "K":
            self._line.erase(token[2:-1])
        else:
            self._line.carriage_return()

    def _print(self, text: str) -> None:
        first, newline, rest = text.partition("\n")
        self._put(first)
        if newline:
            whole, last_newline, last = rest.rpartition("\n")
            self._done += (self._line.shown(), newline, whole, last_newline)
            self._line = _Line()
            self._put(last)

    def _put(self, text: str) -> None:
        self._line.put(text)
        while len(self._line.text) >= LINE_LIMIT:
            self._done.append(self._line.take(LINE_LIMIT))


def _moves(token: str) -> bool:
    """Tell whether a control changes the line: CR, BS, erase in line, or 'to the first column'."""
    if len(token) == 1:
        return token in "\r\b"  # noqa: S105 - a terminal control
    return token[1] == "[" and (token[-1] == "K" or token in ("\x1b[G", "\x1b[0G", "\x1b[1G"))
