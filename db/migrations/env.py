"""Alembic's entry: runs the revisions on the connection that db.schema hands over."""

from alembic import context

from db.tables import VERSION_TABLE, is_control_table, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_name=is_control_table,
    compare_type=True,
    compare_server_default=False,  # MySQL reports CURRENT_TIMESTAMP(6) and '0' in spellings of its own
)
with context.begin_transaction():
    context.run_migrations()
