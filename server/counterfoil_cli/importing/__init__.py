"""Usage files become usage events: CSV, JSON lines, JSON documents and CloudEvents, line by line and in bounded memory.

    file --readers--> Row --mapping--> UsageEvent bytes --run--> ledger, with one verdict for every row

A row that cannot be read or mapped becomes a line in the errors file; its neighbours go on.
"""
