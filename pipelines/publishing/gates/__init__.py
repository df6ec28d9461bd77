"""Gates: what must hold before a snapshot is published, proved on the very bytes that would be.

Belongs here: the blocking checks, each computed from the stage's inputs and not through the code that built the
snapshot. Not here: building (`publishing.snapshot`) or publishing (`publishing.publish`). Every gate is reported on every
path, passed or not, with numbers and never a value; a gate that cannot be computed has failed.

By kind: `integrity` (the tables are what was built and fit together), `reconciliation` (nothing is lost on the way),
`protection` (who may not be seen is not), `volume` (circuit breakers, the only ones a person may override). `run` runs
them all over the `evidence`; what comes out is an `audit`: verdicts, and the hashes of what they were given on.
"""

from pipelines.publishing.gates.audit import AUDITED_TABLES, LEDGER_TABLES, Audit
from pipelines.publishing.gates.evidence import Base, Heritage, Protection, Walled
from pipelines.publishing.gates.gate import Gate
from pipelines.publishing.gates.run import GATES, OVERRIDABLE, run_gates
from pipelines.publishing.gates.takes_away import Built, takes_away

__all__ = [
    "AUDITED_TABLES",
    "GATES",
    "LEDGER_TABLES",
    "OVERRIDABLE",
    "Audit",
    "Base",
    "Built",
    "Gate",
    "Heritage",
    "Protection",
    "Walled",
    "run_gates",
    "takes_away",
]
