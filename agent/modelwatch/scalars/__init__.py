"""Reading TensorBoard event files while they grow."""
