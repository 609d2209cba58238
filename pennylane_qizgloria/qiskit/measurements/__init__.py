"""The bases in which measurements are read, and what is made of the bits."""
