"""Who may do what: teams, users, API keys, sessions and the audit, in `accounts.db` beside the repository. docs/accounts.md."""
