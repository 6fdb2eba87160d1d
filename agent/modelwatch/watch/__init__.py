"""Seeing the model path change: scans are the truth, events are hints."""
