"""Facts about a run that nobody has to log: environment, machine, arguments, data files, without secrets."""
