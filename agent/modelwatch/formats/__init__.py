"""What a set of files is, and whether it is complete: one file per format. Reads bytes, imports no framework."""
