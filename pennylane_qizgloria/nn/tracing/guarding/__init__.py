"""Whether what a traced call depends on is still what it was."""
