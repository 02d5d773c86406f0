"""Alembic trees of a test's own, as a user of the product has one for the processed schema."""

from collections.abc import Sequence
from pathlib import Path

ENV = """
from alembic import context
context.configure(connection=context.config.attributes["connection"], version_table="shop_version")
with context.begin_transaction():
    context.run_migrations()
"""
_REVISION = """
from alembic import op
revision, down_revision = "{name}", {before}
def upgrade():
{body}
def downgrade():
    pass
"""


def tree(folder: Path, revisions: Sequence[str], *, env: str = ENV) -> Path:
    """A folder of revisions, each the body of its `upgrade`."""
    versions = folder / "versions"
    versions.mkdir(parents=True)
    (folder / "env.py").write_text(env)
    before: str | None = None
    for number, body in enumerate(revisions, start=1):
        name = f"{number:04}"
        indented = "".join(f"    {line}\n" for line in body.splitlines())
        (versions / f"{name}.py").write_text(_REVISION.format(name=name, before=repr(before), body=indented))
        before = name
    return folder


def executing(*statements: str) -> str:
    """The body of a revision that runs these statements."""
    return "\n".join(f"op.execute({statement!r})" for statement in statements)
