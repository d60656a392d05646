"""`python -m gittrack.hooks NAME ARGS` is what a stub calls, in place of git's hook of that name."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Python looks for modules in the current directory first, which is the user's working tree: their random.py is
    # not the one that is meant here.
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]
    from gittrack.hooks.entry import main

    raise SystemExit(main(sys.argv[1:]))
