"""Spoiled files and documents by the thousand: `make fuzz`.

Three layers, each judged by what it must never do (promise P1). `openings` spoils sealed files from
outside, or the packets in them before they are encrypted, and has the real sealer open them;
`documents` has the codec and a reader of its own judge one text; `stories` sends such texts through
the whole receive story. A mutant is named `layer/number` and is made again from the seed.
"""
