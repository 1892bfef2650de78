"""Practices by the thousand, with patients of every answer, and every file that leaves them (promise P10).

`database` fills one, `oracle` asks plain SQL who may be known to whom, `verdict` holds each finished
file against that: `make consents`.
"""
