"""Where versions are registered: one file per kind of repository."""
