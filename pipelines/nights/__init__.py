"""One authority's night, stage after stage, and which nights need to be run.

Belongs here: what each stage reads, calls and writes, in the order data flows, and the plan of nights. Not here: how a
stage works (its own package), or who starts it (`assets`, `cli`). A night is a pure function of the night before it,
the deliveries in force for it and the decisions taken; so it can be run again at any time and gives the same bytes.
"""

from pipelines.nights.night import Check, Night, StageReport

__all__ = ["Check", "Night", "StageReport"]
