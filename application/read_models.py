"""Read models: the shapes that pages and APIs show. Times are epoch milliseconds UTC; None is "cannot tell"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from perception.point import Title


@dataclass(frozen=True, slots=True)
class CityCard:
    """A city as a page's head needs it."""

    name: str
    title: Title
    timezone: str
    simulated: bool
    season: Title | None
    attribution: str | None


@dataclass(frozen=True, slots=True)
class Consequence:
    """What an alarm means for homes, as foreseen at `at`: in how many hours rooms reach 18 Cel, with the range.

    Without `hours` none are foreseen; `why` (application.consequence.Why) says why there are some or none. `high`
    None beside hours: no end is seen. `basis` are the numbers they were worked out from.
    """

    homes: int | None
    hours: float | None
    low: float | None
    high: float | None
    why: str
    at: int
    basis: Mapping[str, float | bool]


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An alarm in a list: active while `cleared_at` is None; `acknowledged` is the other half of its state.

    `element_title` is the title of the point where the element names one. `shelved_until`,
    `suppressed` and `out_of_service` say why it is kept from the lists of what needs attention.
    `latched`: the condition went, and it waits to be reset. `first_out`: of several alarms of an incident it came
    first. `incident` is the newest that it belongs to. `consequence` None: not foreseen yet.
    """

    alarm_id: str
    rule: str
    title: Title
    advice: Title
    priority: int
    element: str
    station: str
    station_title: Title
    device: str
    opened_at: int
    cleared_at: int | None
    acknowledged: bool
    evidence: Mapping[str, float | None]
    element_title: Title | None = None
    shelved_until: int | None = None
    suppressed: bool = False
    out_of_service: bool = False
    latched: bool = False
    first_out: bool = False
    incident: str | None = None
    consequence: Consequence | None = None


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One entry of the alarm journal: `at` in event time, `recorded_at` in record time.

    `late`: it was recorded more than three minutes after it happened.
    """

    alarm_id: str
    what: str
    at: int
    recorded_at: int
    actor: str
    comment: str | None
    rule: str
    title: Title
    station: str
    station_title: Title
    element: str
    element_title: Title | None = None
    device: str = ""
    late: bool = False


@dataclass(frozen=True, slots=True)
class StationRow:
    """A station in a list or on the map, with its device of kind heat_substation and its newest values.

    `values` by point name, only what is present; `bad` names the points whose newest value is not good.
    """

    name: str
    title: Title
    district: str
    district_title: Title
    branch: str
    lat: float | None
    lon: float | None
    device: str | None
    device_id: int | None
    interval_s: float | None
    ts: int | None
    values: Mapping[str, float]
    bad: Sequence[str]
    worst_priority: int | None
    alarms: int


@dataclass(frozen=True, slots=True)
class DistrictShape:
    """A district on the map: (lat, lon) corners."""

    name: str
    title: Title
    outline: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that the overview of one city shows at one instant.

    `heat_kw` sums the newest good heat power; `reporting` counts devices whose newest reading
    is younger than max(3 intervals, 180 s). `unacknowledged` counts by priority 1..3.
    """

    city: CityCard
    at: int
    districts: Sequence[DistrictShape]
    stations: Sequence[StationRow]
    alarms: Sequence[AlarmRow]
    journal: Sequence[JournalRow]
    heat_kw: float | None
    outdoor_c: float | None
    reporting: int
    silent: int
    abnormal: int
    unacknowledged: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class CommunityCard:
    """A community of a station."""

    name: str
    title: Title
    homes: int | None
    heated_area_m2: float | None
    buildings: int


@dataclass(frozen=True, slots=True)
class DeviceNow:
    """The newest that one device of any kind has said; `bad` names the points whose newest value is not good."""

    device: str
    station: str
    ts: int
    values: Mapping[str, float]
    bad: Sequence[str]


@dataclass(frozen=True, slots=True)
class StationView:
    """Everything that a station's page shows, trends excepted (see Views.series). `newest` by name of the device."""

    city: CityCard
    station: StationRow
    source_title: Title
    branch_title: Title
    communities: Sequence[CommunityCard]
    devices: Sequence["DeviceRow"]
    alarms: Sequence[AlarmRow]
    journal: Sequence[JournalRow]
    newest: Mapping[str, DeviceNow] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoomCard:
    """A sampled room: where it lies, by community, building, floor and position (middle, end or top)."""

    name: str
    community_title: Title
    building_title: Title
    position: str
    floor: int | None


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device in a list. `last_ts` is its newest stored reading of the last 7 days; `room` is where it stands in one.

    Devices of one kind at a station are told apart by their rooms.
    """

    device_id: int
    name: str
    kind: str
    station: str
    status: str
    interval_s: float
    online: bool | None
    simulated: bool
    last_ts: int | None
    room: RoomCard | None = None


@dataclass(frozen=True, slots=True)
class Trend:
    """Series of one device, ready to be sent: columns of equal length, None where there is a gap.

    `width` is "raw" or the rollup width that was read. `series` by point name: {"mean": [...],
    "low": [...], "high": [...]}; the three are equal where raw readings were read.
    """

    device: str
    width: str
    ts: Sequence[int]
    series: Mapping[str, Mapping[str, Sequence[float | None]]]


@dataclass(frozen=True, slots=True)
class RejectRow:
    """A delivery, or part of one, that could not be taken in. `payload` is its beginning as text."""

    reject_id: int
    received_at: int
    reason: str
    detail: str
    topic: str
    device: str | None
    partial: bool
    points: Sequence[str]
    payload: str


@dataclass(frozen=True, slots=True)
class Health:
    """What the database says of the whole: `reporting` of `active` devices have a young reading.

    `newest_ts` and `newest_received_at` are those of the newest stored reading of the last 7
    days; `rejects` counts those of the last hour, parts of readings included; `engine` names the
    database server and its licence.
    """

    at: int
    active: int
    reporting: int
    newest_ts: int | None
    newest_received_at: int | None
    open_alarms: int
    rejects: int
    engine: str = ""
