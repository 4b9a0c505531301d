"""Commands and their progress: the only room that prints."""
