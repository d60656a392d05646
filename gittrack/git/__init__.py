"""The only part of gittrack that touches git: repositories, durable objects, refs, and the git program."""
