"""The agent killed with `kill -9`: at every place where it changes something, and at random moments.

cradle       the start program: forks lives of the real command line; the only place where failpoints exist
failpoints   wraps each side effect of the running process from outside; the agent knows nothing of it
life         one life as the driver sees it: begun, killed, ended
inbox        what a partner finds on its server, and never forgets
openpgp      the partners' side, quick enough for thousands of files
village      a house, what its partners and its staff do, and what they expect
reckoning    what must hold whenever the process is dead, and once all is quiet
outage       the database server killed in the same way
kills        random kills on one house; the database server too
places       each failpoint once
runs         the long runs: many villages, both databases
start        a start with 10,000 files waiting, 30,000 files dropped meanwhile

`make crash N=1000` is the long run. Needs Linux: it forks.
"""
