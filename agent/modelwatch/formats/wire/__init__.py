"""The encodings that formats are made of, one file each: they know bytes and nothing of checkpoints."""
