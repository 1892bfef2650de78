"""Writes the pages of docs/ that say what the code says already: every command, error and reason.

`python -m agent.documentation` writes them into the source tree; a test holds
the committed pages equal, so that nothing can be added or renamed without
them. For developers alone; no story and no command uses it.
"""
