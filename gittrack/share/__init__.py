"""Runs and pins to and from other repositories: fetched, checked, united, pushed; nothing is ever overwritten."""
