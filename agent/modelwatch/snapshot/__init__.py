"""Our own immutable copy of a checkpoint, taken before rotation can delete it."""
