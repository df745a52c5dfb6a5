"""Settings of storing and tending: sections `database`, `ingest`, `tend`."""

from itertools import pairwise
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from support.columns import Width


class DatabaseSettings(BaseModel):
    """Which PostgreSQL to use: the one at `url`, or without it our own embedded one.

    `connections` is how many each process may hold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr | None = None
    connections: int = Field(default=5, ge=1, le=100)

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        try:
            parts = urlsplit(value.get_secret_value())
            scheme, _ = parts.scheme, parts.port
        except ValueError as err:
            raise ValueError("not an address: expected postgresql://user:password@host:5432/database") from err
        if scheme not in {"postgresql", "postgres"}:
            raise ValueError(f"expected an address that begins with postgresql://, not {scheme}://")
        return value

    @property
    def embedded(self) -> bool:
        """Whether the database is ours to run."""
        return self.url is None


class IngestSettings(BaseModel):
    """How much goes through one transaction.

    `batch` counts live deliveries, `backfill_batch` belated ones at most: they wait behind the live, and
    go through in turns so short that the live hardly wait for them;
    `portion_bytes` bounds the payload of one transaction. Where one message follows another, they
    are gathered for `gather_ms` into one transaction, since a transaction costs much more than a
    reading; one that comes alone goes at once. `mappings` is the folder, or the file, that says how
    the messages of foreign controllers are read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch: int = Field(default=5000, ge=1, le=50_000)
    backfill_batch: int = Field(default=500, ge=1, le=50_000)
    portion_bytes: int = Field(default=8 * 1024 * 1024, ge=64 * 1024)
    gather_ms: float = Field(default=8, ge=0, le=1000)
    mappings: Path = Path("configs/mappings")
    metrics_port: int = Field(default=0, ge=0, le=65535, description="loopback port of /metrics; 0: none")


class TendSettings(BaseModel):
    """How scheduled work is paced, and how long facts are kept.

    `slice_buckets` ten-minute buckets are rolled up at a time; then tend rests for `rest` times
    as long as that took, at least for `pause_s`, so that ingest never waits long. A pass looks at
    `most_buckets` at most; buckets that are still filling have their turn every `open_every_s`.
    Weekly partitions of readings older than `raw_days` and rejects older than `reject_days` are
    dropped; rollups are kept for `rollup_<width>_days` (0: for ever), no tier for less than a finer
    one. Where the database can, what is older than `compress_after_days` is compressed (0: never).
    The default keeps whatever is accepted: readings up to ten years old, and rollups for ever.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    every_s: float = Field(default=15, gt=0, le=3600)
    slice_buckets: int = Field(default=100, ge=1)
    most_buckets: int = Field(default=10_000, ge=1)
    open_every_s: float = Field(default=60, gt=0, le=3600)
    pause_s: float = Field(default=0.05, ge=0, le=60)
    rest: float = Field(default=2, ge=0, le=100)
    weeks_ahead: int = Field(default=2, ge=1, le=52)
    raw_days: int = Field(default=10 * 366, ge=7, le=10 * 366)
    rollup_1m_days: int = Field(default=0, ge=0)
    rollup_10m_days: int = Field(default=0, ge=0)
    rollup_1h_days: int = Field(default=0, ge=0)
    rollup_1d_days: int = Field(default=0, ge=0)
    compress_after_days: int = Field(default=14, ge=0)
    reject_days: int = Field(default=90, ge=1)
    metrics_port: int = Field(default=0, ge=0, le=65535, description="loopback port of /metrics; 0: none")

    @model_validator(mode="after")
    def _tiers_outlive_finer_ones(self) -> Self:
        kept = [("raw_days", self.raw_days), *((f"rollup_{w}_days", self.tier_days(w)) for w in Width)]
        for (finer, least), (name, days) in pairwise(kept):
            if days and (not least or days < least):
                finer_for = f"{least} days" if least else "for ever"
                raise ValueError(f"{name} = {days} is shorter than {finer}, which is kept {finer_for}: keep it as long")
        return self

    @property
    def kept_us(self) -> int:
        """How long raw readings are kept (microseconds)."""
        return self.raw_days * 86_400 * 1_000_000

    def tier_days(self, width: Width) -> int:
        """Return for how many days rollups of a width are kept; 0: for ever."""
        days: int = getattr(self, f"rollup_{width}_days")
        return days

    def horizon(self, now: int) -> int:
        """Return the time (epoch microseconds) before which raw readings are not kept."""
        return now - self.kept_us
