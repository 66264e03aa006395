"""The approval engine: what may happen, what was decided, and the carrying out of it.

It does not know that Slack exists. `domain` decides and touches nothing; `services` are what
people and clocks can ask for, one short transaction each; `worker` does what is owed, from an
outbox in the same database. `bot` imports this package; never the other way round.
"""
