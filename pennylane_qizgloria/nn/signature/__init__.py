"""What goes into a module of a Qiskit circuit, and what comes out."""
