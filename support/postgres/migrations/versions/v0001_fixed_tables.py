"""The fixed tables, and the triggers that raise the version of the roster."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL that stands beside this file."""
    op.execute(Path(__file__).with_suffix(".sql").read_text("utf-8"))
