"""Reasoning over a history of commits and what was measured in it: which to try next, what moved, what to draw."""
