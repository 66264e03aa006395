"""Safeguards that are taken away one at a time; each is missed by a named test."""

from mutants.carrying_out import CARRYING_OUT
from mutants.deciding import DECIDING
from mutants.edges import EDGES
from mutants.storing import STORING

SAFEGUARDS = (*DECIDING, *CARRYING_OUT, *STORING, *EDGES)
