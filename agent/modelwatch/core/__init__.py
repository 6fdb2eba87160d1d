"""The words and tools that every other package shares. Standard library only."""
