"""Answers about recorded runs: the query index, the histories, and which run somebody means."""
