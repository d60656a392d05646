"""Writing runs down: the journal while a run runs, the branch when it has ended."""
