"""Autograd, JAX and torch around what the devices compute."""
