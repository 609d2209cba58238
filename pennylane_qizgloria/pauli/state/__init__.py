"""States as Pauli vectors, and what is read from them."""
