"""Gradient's own protocol, as its command-line client speaks it."""
