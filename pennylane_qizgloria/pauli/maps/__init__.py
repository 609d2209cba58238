"""Operations as Pauli transfer matrices."""
