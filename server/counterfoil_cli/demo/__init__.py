"""What `counterfoil demo` is made of: a ledger that runs for a minute, events to send, and the story that is told."""
