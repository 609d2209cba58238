"""PennyLane's measurement processes as specifications."""
