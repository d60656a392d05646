"""What each of git's hooks does; the stubs in hooks/ hand their arguments and their input to it."""
