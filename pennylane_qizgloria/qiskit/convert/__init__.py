"""Circuits of PennyLane and of Qiskit, each as the other."""
