"""Runs on the history of the code: drawn, noted, followed, searched for what moved a metric, and for where it broke."""
