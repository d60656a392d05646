"""Running a recorded run again: the same code, data and command in a worktree of its own, and a verdict."""
