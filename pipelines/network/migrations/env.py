"""Alembic's environment of the co-ordinating index: runs on the connection that `open_database` hands over."""

from alembic import context

from pipelines.network.database import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
