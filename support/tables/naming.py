"""Naming: the one MetaData of all fixed tables, and the columns that many of them have."""

from sqlalchemy import (
    Column,
    DateTime,
    MetaData,
    Text,
    func,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def when(name: str, *, nullable: bool = False) -> Column[object]:
    """Return a column of a moment."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def now(name: str) -> Column[object]:
    """Return a column of the moment of writing."""
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def title(*, nullable: bool = False) -> tuple[Column[object], Column[object]]:
    """Return the two columns of a title."""
    return Column("title_zh", Text, nullable=nullable), Column("title_en", Text, nullable=nullable)


def told() -> tuple[Column[object], ...]:
    """Return what each journal says of a step: what, when in event time and in record time, by whom, in which words."""
    return (
        Column("what", Text, nullable=False),
        when("at"),
        now("recorded_at"),
        Column("actor", Text, nullable=False),
        Column("comment", Text),
    )
