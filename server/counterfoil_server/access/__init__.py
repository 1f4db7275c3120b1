"""Who may do what: principals and their keys, the permission table, quotas, and the audit trail.

keys        the text of an API key; pure
table       which role may call which method, and how much of it that role sees; pure data
caller      who calls, and what of the log is theirs
ops         the operational store, beside the log and never in it
checks      what principals and keys must hold; pure
desk        changes of principals and keys, as services and the command line ask for them
credentials who a key belongs to
token       the text of an access token; pure
sign_in     access tokens, issued for keys and known again
certificates whose client certificates are
quota       token buckets and daily sums; pure
allowances  what is left of quotas in one worker
trail       denials, counted and written down once a second
guard       all of these in front of a call
"""
