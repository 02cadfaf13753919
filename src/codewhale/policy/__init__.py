"""May this call run? Pure functions from call and rules to a decision."""
