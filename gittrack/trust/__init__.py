"""Who signed which run, and what was altered after it was committed."""
