"""What PennyLane sees: devices, their configuration and preprocessing. No mathematics."""
