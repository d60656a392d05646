"""Runs that are running on another machine: sent at a heartbeat, and seen elsewhere until they are on the branch."""
