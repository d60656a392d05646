"""The error of a filter, an order or a time that cannot be understood: where, and what was expected."""

from __future__ import annotations

from gittrack.errors import UsageError


class QueryError(UsageError):
    """A question that cannot be understood; `column` of `text` counts from 0."""

    def __init__(self, message: str, text: str, column: int) -> None:
        """Keep where it is, for a mark below the text."""
        super().__init__(f"at column {column + 1} of {text!r:.200}: {message}")
        self.message = message
        self.text = text
        self.column = column
