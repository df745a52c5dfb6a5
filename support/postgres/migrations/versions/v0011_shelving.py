"""Shelving and maintenance: what keeps a condition, and not only one alarm of it, from the operators' lists."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL that stands beside this file."""
    op.execute(Path(__file__).with_suffix(".sql").read_text("utf-8"))
