"""The hostile corpus: whatever a stranger, a forger or a careless partner could put into the inbound folder.

Every case is a small value (`case`): what arrives, and what is to become of
it. The files are made with real gpg, Sequoia and PGPy at test time (`workshop`)
and go through the whole receive story in a real house (`trial`). `make corpus`
runs them together with the heaviest inputs up to the size limit (`heavy`) and
ends with one line of figures (promises P1, P3, P4 and P7).
"""
