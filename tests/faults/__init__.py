"""The agent's own faults, made for real, and what holds until they are over: `make faults`.

target    the practice server that is to suffer: its files, its database, the process of the agent
database  the database away, locked, full, read only, without connections, replaced
machine   disk, handles, folders, gpg and its agent
service   a house of its own, its service, and the clock that it believes
table     which fault meets which database
cell      one fault met by a running service, measured
"""
