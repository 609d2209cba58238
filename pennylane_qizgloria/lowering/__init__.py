"""From PennyLane's objects to the simulator's: operations, observables, measurements, tapes."""
