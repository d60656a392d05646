"""The version of gittrack: a constant, because asking the installed metadata costs 30 ms."""

from __future__ import annotations

__version__ = "0.1.0"
