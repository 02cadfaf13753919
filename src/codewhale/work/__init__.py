"""Background work: tasks and their workers; automations and their occurrence ledger. Reaches turns through `port` only."""
