"""Options of a device, validated, and what its methods refuse."""
