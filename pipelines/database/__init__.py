"""The relational database: delivery register, ledger, decisions and the index database, SQLite or PostgreSQL.

Belongs here: tables (SQLAlchemy Core), how a database is opened and brought to the newest schema (Alembic). Not here:
what is written to them and when; each stage writes its own tables.
"""

from pipelines.database.engine import (
    database_at,
    forget_what_went,
    metadata,
    note_what_goes,
    open_database,
    open_to_read,
)

__all__ = ["database_at", "forget_what_went", "metadata", "note_what_goes", "open_database", "open_to_read"]
