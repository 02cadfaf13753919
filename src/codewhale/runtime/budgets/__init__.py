"""Budgets that hold: the most a call can use is held back before it is made and settled after, over restarts too."""
