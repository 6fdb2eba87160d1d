"""The entrypoint: child processes, signals and exit codes. Standard library only."""
