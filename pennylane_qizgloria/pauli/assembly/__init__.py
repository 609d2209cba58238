"""How the matrices of fused steps are put together."""
