"""What readers get: the snapshot, the gates before it, immutable versions, the index database, and reading them.

Belongs here: building and auditing the nine tables, publishing them whole, telling what changed. Not here: who is the
same child (`pipelines.identities`), pages that people read (`pipelines.reporting`).
"""
