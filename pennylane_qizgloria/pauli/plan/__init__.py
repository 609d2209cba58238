"""Plans: programs made ready to run."""
