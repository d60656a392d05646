"""`python -m gittrack` is the command line."""

from __future__ import annotations

from gittrack.cli.main import entry

if __name__ == "__main__":
    entry()
