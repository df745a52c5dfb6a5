"""The ledger as entries, a row per transaction, that tend adds up; read through a view."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL that stands beside this file."""
    op.execute(Path(__file__).with_suffix(".sql").read_text("utf-8"))
