"""Jobs: sent, followed, and found again."""
