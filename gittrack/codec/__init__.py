"""Records to the bytes and paths of the branch and back: pure, and the only place that knows the format."""
