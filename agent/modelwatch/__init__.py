"""modelwatch: see every checkpoint that becomes complete, keep it, and register it with its metrics."""

__version__ = "0.1.0"
