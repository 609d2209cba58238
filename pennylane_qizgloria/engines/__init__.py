"""From lowered circuits to results: the seam behind which a circuit is simulated."""
