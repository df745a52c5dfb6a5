"""Migrations of the fixed tables. Readings and rollups are reconciled from the kinds (schema.py)."""
