"""The ledger service: the gRPC edge over a log, one process or several alike."""
