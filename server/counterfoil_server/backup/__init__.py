"""Copies of a ledger: taking one while it runs, putting it back, and the drill that shows that this works."""
