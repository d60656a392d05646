"""Judging by numbers: which way is better, which is best, how sure a mean is, and whether something became worse."""
