"""How a run ended, told from the exception that ended it."""

from __future__ import annotations

from gittrack.model import FAILED, FINISHED, KILLED

TRACEBACK_LINES = 12


def outcome(error: BaseException | None) -> tuple[str, str | None]:
    """Return the status and the error text for a run that an exception ended, or None did."""
    if error is None:
        return FINISHED, None
    if isinstance(error, KeyboardInterrupt):
        return KILLED, "KeyboardInterrupt"
    from gittrack.capture.redact import redact_text

    if isinstance(error, SystemExit):
        if error.code in (None, 0):
            return FINISHED, None
        return FAILED, redact_text(f"SystemExit: {error.code}")
    import traceback

    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return FAILED, redact_text("\n".join(text.rstrip().splitlines()[-TRACEBACK_LINES:]))
