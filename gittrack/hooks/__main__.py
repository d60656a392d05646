"""`python -m gittrack.hooks NAME ARGS` is what a stub calls, in place of git's hook of that name."""

from __future__ import annotations

import sys

from gittrack.hooks.entry import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
