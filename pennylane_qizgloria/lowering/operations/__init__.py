"""PennyLane's operators as operations of a program."""
