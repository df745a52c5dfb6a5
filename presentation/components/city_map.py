"""City map: districts and stations as one SVG, from their coordinates alone. No tiles, no request to anybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, dist, radians

from markupsafe import Markup

from application.read_models import DistrictShape, StationRow
from presentation.components.marker import STATES, State, shape, state_of, state_text
from presentation.markup import el
from presentation.texts import Texts

WIDTH = 640.0
_MARGIN = 34.0
_MARKS_AVOIDED = 200
"""A label looks at so many marks; where a city has more, it will cover some of them anyway."""
_LABEL_CORNERS = ((-40.0, -16.0), (40.0, -16.0), (-40.0, 8.0), (40.0, 8.0))
Corner = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Projection:
    """Degrees to SVG units: equirectangular about the middle latitude, north up."""

    west: float
    north: float
    per_degree: float
    squeeze: float
    height: float

    def at(self, lat: float, lon: float) -> Corner:
        """Return x and y of a place."""
        x = _MARGIN + (lon - self.west) * self.squeeze * self.per_degree
        return round(x, 1), round(_MARGIN + (self.north - lat) * self.per_degree, 1)


def projection_of(places: Sequence[Corner]) -> Projection:
    """Return the projection that fits (lat, lon) places into the width; needs at least one place."""
    lats, lons = [p[0] for p in places], [p[1] for p in places]
    squeeze = cos(radians((min(lats) + max(lats)) / 2))
    tall = max(max(lats) - min(lats), 1e-3)
    wide = max((max(lons) - min(lons)) * squeeze, 1e-3)
    per_degree = min((WIDTH - 2 * _MARGIN) / wide, (1.3 * WIDTH - 2 * _MARGIN) / tall)
    spare = ((WIDTH - 2 * _MARGIN) / per_degree - wide) / squeeze
    return Projection(
        west=min(lons) - spare / 2,
        north=max(lats),
        per_degree=per_degree,
        squeeze=squeeze,
        height=round(tall * per_degree + 2 * _MARGIN, 1),
    )


def city_map(districts: Sequence[DistrictShape], stations: Sequence[StationRow], at: int, t: Texts) -> Markup | None:
    """Return the map, None when no place is known."""
    placed = [(s, (s.lat, s.lon)) for s in stations if s.lat is not None and s.lon is not None]
    corners = [corner for d in districts for corner in d.outline]
    if not corners and not placed:
        return None
    projection = projection_of([*corners, *(place for _, place in placed)])
    taken = [projection.at(*place) for _, place in placed[:_MARKS_AVOIDED]]
    # The most urgent are drawn last, on top.
    ranked = sorted(placed, key=lambda pair: -STATES.index(state_of(pair[0], at)))
    return el(
        "svg",
        el("g", [_district(d, projection, taken, t) for d in districts if d.outline], class_="districts"),
        el("g", [_station(s, projection.at(*place), at, t) for s, place in ranked]),
        class_="city-map",
        viewBox=f"0 0 {WIDTH:g} {projection.height:g}",
        role="group",
        aria_label=t.say("Map of districts and stations"),
    )


def _district(district: DistrictShape, projection: Projection, taken: Sequence[Corner], t: Texts) -> Markup:
    places = [projection.at(*corner) for corner in district.outline]
    x, y = label_place(places, taken)
    return el(
        "g",
        el("polygon", points=" ".join(f"{px:g},{py:g}" for px, py in places)),
        el("text", t.title(district.title), x=f"{x:.1f}", y=f"{y:.1f}", text_anchor="middle"),
    )


def _station(row: StationRow, place: Corner, at: int, t: Texts) -> Markup:
    state = state_of(row, at)
    name = f"{t.title(row.title)} · {state_text(state, t)}"
    return el(
        "a",
        el("title", name),
        el("circle", class_="hit", r=13),
        shape(state),
        href=f"/{t.language}/stations/{row.name}",
        aria_label=name,
        transform=f"translate({place[0]:g} {place[1]:g})",
        class_="station-mark",
        data_device=row.device_id,
        data_mark=state,
    )


def label_place(outline: Sequence[Corner], taken: Sequence[Corner]) -> Corner:
    """Return the place inside an outline that is farthest from the marks and the corners: there the name stands."""
    xs, ys = [x for x, _ in outline], [y for _, y in outline]
    steps = [(i / 12, j / 12) for i in range(2, 11) for j in range(1, 12)]
    grid = [(min(xs) + u * (max(xs) - min(xs)), min(ys) + v * (max(ys) - min(ys))) for u, v in steps]
    inside = [(x, y) for x, y in grid if all(_contains(outline, (x + dx, y + dy)) for dx, dy in _LABEL_CORNERS)]
    marks = [(x + dx, y) for x, y in (*taken, *outline) for dx in (-26.0, 0.0, 26.0)]
    return max(inside, key=lambda p: min(dist(p, m) for m in marks), default=grid[len(grid) // 2])


def _contains(outline: Sequence[Corner], place: Corner) -> bool:
    x, y = place
    edges = zip(outline, (*outline[1:], outline[0]), strict=True)
    crossings = sum((y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1 for (x1, y1), (x2, y2) in edges)
    return crossings % 2 == 1


def legend(t: Texts) -> Markup:
    """Return what the shapes mean."""
    return el("ul", [el("li", _sample(state), state_text(state, t)) for state in STATES], class_="legend")


def _sample(state: State) -> Markup:
    return el("svg", shape(state), class_="symbol", viewBox="-11 -11 22 22", width=16, height=16, aria_hidden="true")
