"""Rooms whose temperature is measured, and the devices in them."""

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing to change yet."""
