"""What may happen: plain Python, no I/O, no clock, no randomness.

`now` and ids come in as arguments; a decision comes out as a `Change`: the new object, the facts.
"""
