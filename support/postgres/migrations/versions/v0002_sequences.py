"""What devices number: running numbers that are settled, and gaps that never arrived."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL that stands beside this file."""
    op.execute(Path(__file__).with_suffix(".sql").read_text("utf-8"))
