"""Who looked at whom, who decided what, and why: a chain of entries that nobody can change unseen.

Belongs here: appending an entry, proving the chain, listing it, who it is that looks, and whether that person may see
protected children. Not here: what is read or decided; whoever does that appends the entry, before anything is handed out or in the
transaction of the decision. An entry names a child by index id and a record by its reference, never by a name.
"""

from pipelines.audit.chain import Entry, append, writing
from pipelines.audit.entries import entries
from pipelines.audit.lost import accept_lost, lost_entries, refuse_older_database
from pipelines.audit.proof import Proven, prove
from pipelines.audit.rights import account, may_see_protected

__all__ = [
    "Entry", "Proven", "accept_lost", "account", "append", "entries", "lost_entries", "may_see_protected", "prove", "refuse_older_database", "writing",
]  # fmt: skip
