"""The command line: turns arguments into calls of the agent, results into tables, errors into advice.

main        the commands that work, and the root of all others
context     from `--config` to an agent; which commands hold the data folder
advice      an error becomes a sentence, a remedy and an exit code
inspect     check, status          keys, licence, practice, audit   the groups of that name
exchange    sync and its steps     disclosures  who was told of a patient; revoking a partner
"""
