"""What somebody asks of the runs: filter, order and times as text, parsed and typed; pure."""
