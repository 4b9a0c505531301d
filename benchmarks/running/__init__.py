"""Which cells are run, where, and what that will take."""
