"""Settings of the link: section `broker`."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from network.address import Address, AddressError


class BrokerSettings(BaseModel):
    """Which broker to use: the one at `url`, or without it our own embedded one.

    The embedded one speaks MQTT 3.1.1 on `port`, and MQTT 5 on `port_v5` unless that is 0;
    `max_payload_bytes` and `backlog_mib` are its limits. Another broker has its own
    limits (configs/broker/mosquitto.conf). One that is not on this machine is spoken to only with
    TLS and a user, unless `insecure` says that the way there is safe. `most_pending` and `most_pending_mib` bound what
    ingest holds in memory before it has committed. `inlet` says who reads the socket of ingest:
    our own session, or paho-mqtt, which is slower and there to fall back on. `sparkplug` makes ingest a
    host application of Sparkplug B under the id `sparkplug_host`; `discovery` makes it listen to the
    configs of Home Assistant's MQTT discovery below `discovery_prefix`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = None
    port: int = Field(default=1883, ge=1, le=65535)
    port_v5: int = Field(default=1884, ge=0, le=65535)
    insecure: bool = False
    max_payload_bytes: int = Field(default=512 * 1024, ge=1024, le=64 * 1024 * 1024)
    backlog_mib: int = Field(default=256, ge=16, le=16 * 1024)
    inlet: Literal["session", "paho"] = "session"
    keepalive_s: int = Field(default=60, ge=5, le=3600)
    most_pending: int = Field(default=20_000, ge=1, le=60_000)
    most_pending_mib: int = Field(default=64, ge=1, le=4096)
    sparkplug: bool = False
    sparkplug_host: str = Field(default="hearthline", pattern=r"^[A-Za-z0-9_.-]{1,60}$")
    discovery: bool = False
    discovery_prefix: str = Field(default="homeassistant", pattern=r"^[A-Za-z0-9_-]{1,60}$")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                Address.parse(value)
            except AddressError as err:
                raise ValueError(str(err)) from err
        return value or None

    @field_validator("discovery_prefix")
    @classmethod
    def _is_not_ours(cls, value: str) -> str:
        if value == "hearthline":
            raise ValueError("hearthline/ is where our own topics are: configs are published elsewhere")
        return value

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        address = self.address
        missing = [*([] if address.tls else ["TLS"]), *([] if address.user else ["a user"])]
        if missing and not address.is_loopback and not self.insecure:
            raise ValueError(
                f"broker.url {address} is beyond this machine, without {' and '.join(missing)}: anybody on the way "
                "could read and forge readings. Expected mqtts://user:password@host:8883, as in "
                "docs/how-to/secure-the-broker.md; if the way there is safe, say so with broker.insecure = true"
            )
        return self

    @property
    def address(self) -> Address:
        """Where to connect to."""
        return Address("127.0.0.1", self.port) if self.url is None else Address.parse(self.url)

    @property
    def foreign_filters(self) -> tuple[str, ...]:
        """What ingest listens to beside its own topics and those of mapping files."""
        prefix = self.discovery_prefix
        configs = (f"{prefix}/+/+/config", f"{prefix}/+/+/+/config") if self.discovery else ()
        # One filter for all of Sparkplug: a broker may keep a queue for each, and a birth must not come late.
        return (*(("spBv1.0/#",) if self.sparkplug else ()), *configs)

    @property
    def embedded(self) -> bool:
        """Whether the broker is ours to run."""
        return self.url is None

    @property
    def remark(self) -> str:
        """What `doctor` says of how much the broker keeps."""
        if self.embedded:
            return "the embedded broker keeps everything in memory: a restart of it forgets what was not delivered"
        return "the broker at broker.url guarantees what its own configuration does: see configs/broker"
