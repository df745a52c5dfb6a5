"""Settings of storing and tending: sections `database`, `ingest`, `tend`."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


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

    `batch` counts live deliveries, `backfill_batch` belated ones, which wait behind the live;
    `portion_bytes` bounds the payload of one transaction. `mappings` is the folder, or the file,
    that says how the messages of foreign controllers are read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch: int = Field(default=5000, ge=1, le=50_000)
    backfill_batch: int = Field(default=50, ge=1, le=50_000)
    portion_bytes: int = Field(default=8 * 1024 * 1024, ge=64 * 1024)
    mappings: Path = Path("configs/mappings")
    metrics_port: int = Field(default=0, ge=0, le=65535, description="loopback port of /metrics; 0: none")


class TendSettings(BaseModel):
    """How scheduled work is paced, and how long facts are kept.

    `slice_buckets` ten-minute buckets are rolled up at a time; then tend rests for `rest` times
    as long as that took, at least for `pause_s`, so that ingest never waits long. A pass looks at
    `most_buckets` at most; buckets that are still filling have their turn every `open_every_s`.
    Weekly partitions of readings older than `raw_days` and rejects older than `reject_days` are
    dropped. The default keeps whatever is accepted: readings up to ten years old.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    every_s: float = Field(default=5, gt=0, le=3600)
    slice_buckets: int = Field(default=100, ge=1)
    most_buckets: int = Field(default=10_000, ge=1)
    open_every_s: float = Field(default=60, gt=0, le=3600)
    pause_s: float = Field(default=0.05, ge=0, le=60)
    rest: float = Field(default=2, ge=0, le=100)
    weeks_ahead: int = Field(default=2, ge=1, le=52)
    raw_days: int = Field(default=10 * 366, ge=7, le=10 * 366)
    reject_days: int = Field(default=90, ge=1)
    metrics_port: int = Field(default=0, ge=0, le=65535, description="loopback port of /metrics; 0: none")

    @property
    def kept_us(self) -> int:
        """How long raw readings are kept (microseconds)."""
        return self.raw_days * 86_400 * 1_000_000

    def horizon(self, now: int) -> int:
        """Return the time (epoch microseconds) before which raw readings are not kept."""
        return now - self.kept_us
