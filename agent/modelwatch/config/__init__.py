"""What the user asked for: options declared once, read from flags, environment, YAML and defaults."""
