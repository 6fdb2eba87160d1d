"""The durable outbox: what was seen, what must be registered, what was delivered."""
