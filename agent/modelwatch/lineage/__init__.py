"""Where a training comes from, told without its help and without its secrets: commit, command, interpreter, hyperparameters."""
