"""Rooms whose temperature is measured, and the devices in them; what devices answered to commands, step by step."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL that stands beside this file."""
    op.execute(Path(__file__).with_suffix(".sql").read_text("utf-8"))
