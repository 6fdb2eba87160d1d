"""How the agent learns that training has ended: one file per way."""
