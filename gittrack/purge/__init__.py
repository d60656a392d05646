"""Runs and snapshots removed for good: what goes, carried out so that it may be interrupted, and what may remain."""
