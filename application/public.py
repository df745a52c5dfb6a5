"""Public read models: what the portal shows, read from the reviewed projection (schema `portal`) and nothing else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, RowMapping, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from application.answer import Category, Notice, Water
from perception.point import Title
from support.disclosure import disclosure
from support.store import StoreDownError

STEP_MS = 600_000
"""The step of the published history."""
HOUR_MS = 3_600_000
KEPT_MS = 60_000
"""How long an answer that is costly and changes slowly is used again."""


@dataclass(frozen=True, slots=True)
class PublicCity:
    """A city. `season`: which weather a simulated one lives in, or that readings are played back."""

    name: str
    title: Title
    timezone: str
    simulated: bool
    season: Title | None
    attribution: str | None


@dataclass(frozen=True, slots=True)
class PublicCommunity:
    """A community, where it lies, and which station heats it."""

    name: str
    title: Title
    district: str
    district_title: Title
    station_title: Title
    city: PublicCity


@dataclass(frozen=True, slots=True)
class CommunityNow:
    """A community at the instant `at` (epoch milliseconds). `water` None: nothing was heard for 7 days."""

    community: PublicCommunity
    at: int
    water: Water | None
    notices: Sequence[Notice]


@dataclass(frozen=True, slots=True)
class CommunityPage:
    """A part of a list: its rows, and how many there are in all."""

    rows: Sequence[CommunityNow]
    total: int


@dataclass(frozen=True, slots=True)
class DistrictCard:
    """A district with the number of its communities."""

    name: str
    title: Title
    communities: int
    city: PublicCity


@dataclass(frozen=True, slots=True)
class History:
    """Steps of 10 minutes on a full grid, so that a gap stays a gap: columns of equal length.

    `at` is the start of each step in epoch milliseconds; temperatures in Celsius, None without data.
    """

    at: Sequence[int]
    supply: Sequence[float | None]
    low: Sequence[float | None]
    high: Sequence[float | None]
    target: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Availability:
    """Of the communities of a city: how many of the intervals of 24 h had a value. They last 10 minutes or longer."""

    city: PublicCity
    communities: int
    with_data: int
    intervals: int

    @property
    def share(self) -> float | None:
        """Share of intervals with data, 0..1; None when there is nothing to count."""
        return self.with_data / self.intervals if self.intervals else None


_COMMUNITIES = """
    from portal.community c
    join portal.city y on y.name = c.city
    where (cast(:city as text) is null or c.city = :city)
        and (cast(:district as text) is null or c.district = :district)
        and (cast(:name as text) is null or c.name = :name)
        and (:words = '' or strpos(lower(concat_ws(' ', c.title_zh, c.title_en, c.district_zh, c.district_en,
            y.title_zh, y.title_en, c.name)), lower(:words)) > 0)
"""
_COUNT = text("select count(*) as n" + _COMMUNITIES)
_PAGE = text("select c.*" + _COMMUNITIES + "order by y.simulated, c.city, c.district, c.name limit :most offset :start")
_CITIES = text("select * from portal.city order by simulated, name")
_DISTRICTS = text(
    "select district, district_zh, district_en, city, count(*) as communities from portal.community"
    " group by 1, 2, 3, 4 order by city, district"
)
_CURRENT = text("select * from portal.current where community = any(:names)")
_NOTICES = text("select * from portal.notice where community = any(:names) order by since")
_HISTORY = text("select * from portal.history where community = :name and at >= :since order by at")
_AVAILABILITY = text(
    "select city, count(*) as communities, sum(with_data) as with_data, sum(intervals) as intervals"
    " from portal.availability group by city"
)
_READY = text("select name from portal.city limit 1")


class PublicViews:
    """The read models of the portal. Every method raises StoreDownError while the database is away.

    `engine` may see the schema `portal`; `clock` returns epoch microseconds. Safe to call from
    several threads. The caller disposes of the engine.
    """

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._clock = clock
        self._availability: tuple[int, Sequence[Availability]] | None = None

    def now(self) -> int:
        """Return the time in epoch milliseconds."""
        return self._clock() // 1000

    def check(self) -> None:
        """Raise StoreDownError, with the reason, unless the projection can be read."""
        try:
            self._rows(_READY, {})
        except DBAPIError as err:
            raise StoreDownError(f"the public projection cannot be read: {err.orig}") from err

    def cities(self) -> Sequence[PublicCity]:
        """Return every city, those with real data first."""
        return [_city(row) for row in self._rows(_CITIES, {})]

    def districts(self) -> Sequence[DistrictCard]:
        """Return the districts that have communities."""
        cities = {city.name: city for city in self.cities()}
        rows = self._rows(_DISTRICTS, {})
        return [
            DistrictCard(row["district"], _title(row, "district_"), row["communities"], cities[row["city"]])
            for row in rows
        ]

    def communities(
        self, *, city: str | None = None, district: str | None = None, words: str = "", most: int = 100, start: int = 0
    ) -> CommunityPage:
        """Return communities in which `words` occur, by city and district, as they are now."""
        wanted = {"city": city, "district": district, "name": None, "words": _plain(words)}
        total = self._rows(_COUNT, wanted)[0]["n"]
        return CommunityPage(self._as_now(self._rows(_PAGE, {**wanted, "most": most, "start": start})), total)

    def community(self, name: str) -> CommunityNow | None:
        """Return one community as it is now, or None when there is none of this name."""
        wanted = {"city": None, "district": None, "name": name, "words": "", "most": 1, "start": 0}
        return next(iter(self._as_now(self._rows(_PAGE, wanted))), None)

    def history(self, name: str, hours: int) -> History:
        """Return the last hours (at most 48) of a community, the step that is still running included."""
        first, last = _grid(self.now(), hours)
        since = datetime.fromtimestamp(first / 1000, UTC)
        found = {_ms(row["at"]): row for row in self._rows(_HISTORY, {"name": name, "since": since})}
        at = list(range(first, last + 1, STEP_MS))
        columns = ("t_supply", "t_supply_low", "t_supply_high", "t_target")
        return History(at, *([found[t][column] if t in found else None for t in at] for column in columns))

    def table(self, name: str, **equal: object) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a published view, its declared columns, where these columns equal these values.

        Raises KeyError for what is not declared: a name that comes from outside has to be looked up before.
        """
        columns = disclosure().columns()[name]
        where = " and ".join(f"{columns[columns.index(c)]} = :{c}" for c in equal) or "true"
        rows = self._rows(text(f"select {', '.join(columns)} from portal.{name} where {where}"), equal)  # noqa: S608
        return [dict(row) for row in rows]

    def week(self, name: str) -> History:
        """Return the last seven days of a community by the hour; low and high are not published for it."""
        last = self.now() // HOUR_MS * HOUR_MS
        found = {_ms(row["at"]): row for row in self.table("week", community=name)}
        at = list(range(last - 7 * 24 * HOUR_MS + HOUR_MS, last + 1, HOUR_MS))
        supply, target = ([found[t][c] if t in found else None for t in at] for c in ("t_supply", "t_target"))
        return History(at, supply, supply, supply, target)

    def availability(self) -> Sequence[Availability]:
        """Return the availability of each city's data over 24 h; at most a minute old."""
        kept, now = self._availability, self.now()
        if kept is not None and 0 <= now - kept[0] < KEPT_MS:
            return kept[1]
        counted = {row["city"]: row for row in self._rows(_AVAILABILITY, {})}
        fresh = [
            Availability(city, row["communities"], int(row["with_data"]), int(row["intervals"]))
            for city in self.cities()
            if (row := counted.get(city.name)) is not None
        ]
        self._availability = (now, fresh)
        return fresh

    def _as_now(self, rows: Sequence[RowMapping]) -> list[CommunityNow]:
        names = [row["name"] for row in rows]
        cities = {city.name: city for city in self.cities()}
        waters = {row["community"]: _water(row) for row in self._rows(_CURRENT, {"names": names})}
        notices: dict[str, list[Notice]] = {}
        for row in self._rows(_NOTICES, {"names": names}):
            notice = Notice(Category(row["category"]), _ms(row["since"]), row["confirmed"])
            notices.setdefault(row["community"], []).append(notice)
        at = self.now()
        return [
            CommunityNow(_community(row, cities[row["city"]]), at, waters.get(name), notices.get(name, []))
            for name, row in zip(names, rows, strict=True)
        ]

    def _rows(self, query: Any, values: Mapping[str, object]) -> Sequence[RowMapping]:
        # A NUL byte is no text to PostgreSQL; what contains one names nothing.
        sent = {k: v.replace("\0", "\ufffd") if isinstance(v, str) else v for k, v in values.items()}
        try:
            return self._read(query, sent)
        except (OperationalError, InterfaceError, PoolTimeoutError) as err:
            raise StoreDownError(f"the database cannot be read: {err}") from err

    def _read(self, query: Any, values: Mapping[str, object]) -> Sequence[RowMapping]:
        with self._engine.connect() as conn:
            return conn.execute(query, values).mappings().all()


def _plain(words: str) -> str:
    return " ".join(words.replace("\0", " ").split())[:80]


def _ms(when: datetime) -> int:
    return round(when.timestamp() * 1000)


def _grid(now: int, hours: int) -> tuple[int, int]:
    last = now // STEP_MS * STEP_MS
    return last - int(timedelta(hours=hours).total_seconds() * 1000) + STEP_MS, last


def _title(row: RowMapping, prefix: str = "title_") -> Title:
    return Title(zh=row[f"{prefix}zh"], en=row[f"{prefix}en"])


def _city(row: RowMapping) -> PublicCity:
    season = _title(row, "season_") if row["season_zh"] and row["season_en"] else None
    return PublicCity(row["name"], _title(row), row["timezone"], row["simulated"], season, row["attribution"])


def _community(row: RowMapping, city: PublicCity) -> PublicCommunity:
    return PublicCommunity(
        row["name"], _title(row), row["district"], _title(row, "district_"), _title(row, "station_"), city
    )


def _water(row: RowMapping) -> Water:
    return Water(
        heard_at=_ms(row["heard_at"]),
        interval_s=row["interval_s"],
        read_at=None if row["read_at"] is None else _ms(row["read_at"]),
        supply_c=row["t_supply"],
        target_c=row["t_target"],
        outdoor_c=row["t_outdoor"],
    )
