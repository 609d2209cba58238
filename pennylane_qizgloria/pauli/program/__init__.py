"""What is applied to which wires, and in which steps."""
