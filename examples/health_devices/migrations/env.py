"""Alembic's entry: runs the revisions on the connection that examples.processed_schema hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="health_devices_version")
with context.begin_transaction():
    context.run_migrations()
