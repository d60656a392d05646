"""Runs as tables, and tables as runs: frames for Python, files for other programs, old results from a sheet."""
