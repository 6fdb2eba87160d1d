"""Joining scalars to the checkpoint they belong to."""
