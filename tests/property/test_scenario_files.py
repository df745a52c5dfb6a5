"""Any scenario file is either played or refused with reasons; what is played fits the city and its own words."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perception.kinds import load_kinds
from perception.seed_files import load_catalogue
from simulators.faults import (
    KINDS,
    ScenarioError,
    Schedule,
    grounds_of,
    planned,
    read_scenario,
    read_truth,
    write_truth,
)
from simulators.faults.truth import rows_of

CITIES = Path(__file__).resolve().parents[2] / "configs" / "cities"
SENSORS = load_kinds()
GROUNDS = grounds_of(load_catalogue(CITIES), "xuecheng")
ZONE = ZoneInfo("Asia/Shanghai")
START = 1_795_000_000_000_000
PLACES = {
    "station": ["random", *GROUNDS.stations[:6]],
    **{sort: ["random", *sorted(areas)] for sort, areas in GROUNDS.areas.items()},
}

lengths = st.builds("{}{}".format, st.integers(1, 400), st.sampled_from(["s", "min", "h", "d"]))
times = st.one_of(
    lengths.map("+{}".format),
    lengths.map("-{}".format),
    st.builds("d{} {:02d}:{:02d}".format, st.integers(1, 99), st.integers(0, 23), st.integers(0, 59)),
)


@st.composite
def tables(draw):
    sort = draw(st.sampled_from(sorted(PLACES)))
    lines = [
        "[[faults]]",
        f'kind = "{draw(st.sampled_from(sorted(KINDS)))}"',
        f'{sort} = "{draw(st.sampled_from(PLACES[sort]))}"',
        f'from = "{draw(times)}"',
        f"severity = {draw(st.floats(0, 1)):.4f}",
    ]
    if draw(st.booleans()):
        lines.append(f'for = "{draw(lengths)}"')
    if draw(st.booleans()):
        lines.append(f"stations = {draw(st.integers(1, 60))}")
    return "\n".join(lines)


@st.composite
def scenarios(draw):
    faults = draw(st.lists(tables(), max_size=4))
    rates = draw(st.dictionaries(st.sampled_from(sorted(KINDS)), st.floats(0, 3), max_size=4))
    drawn = "".join(f"{kind} = {rate:.3f}\n" for kind, rate in rates.items())
    head = f"seed = {draw(st.integers(0, 99))}\noverlap = {str(draw(st.booleans())).lower()}\n"
    return head + "\n".join(faults) + f'\n[draw]\nspan = "{draw(st.integers(1, 40))}d"\n[rates]\n{drawn}'


@settings(max_examples=30, deadline=timedelta(seconds=5), suppress_health_check=[HealthCheck.too_slow])
@given(text=scenarios())
def test_what_is_laid_out_fits_the_city_and_comes_back_from_its_truth(tmp_path_factory, text):
    faults = planned(read_scenario(text, "x"), GROUNDS, SENSORS, START, ZONE)
    assert faults == planned(read_scenario(text, "x"), GROUNDS, SENSORS, START, ZONE)
    for fault in faults:
        assert GROUNDS.devices[fault.device].station == fault.station
        assert fault.ends is None or fault.ends > fault.begins
        assert 0 <= fault.severity <= 1
    path = tmp_path_factory.mktemp("truth") / "truth.jsonl"
    schedule = Schedule(faults)
    assert write_truth(path, schedule) == len(faults)
    assert read_truth(path) == rows_of(schedule.faults)


@settings(max_examples=80, deadline=None)
@given(
    text=st.one_of(
        st.text(max_size=200),
        scenarios().flatmap(
            lambda s: st.builds(lambda k, w: s[:k] + w + s[k + 3 :], st.integers(0, len(s)), st.text(max_size=4))
        ),
    )
)
def test_any_text_is_a_scenario_or_a_list_of_reasons(text):
    reasons = []
    try:
        planned(read_scenario(text, "some.toml"), GROUNDS, SENSORS, START, ZONE, "some.toml")
    except ScenarioError as err:
        reasons = str(err).splitlines()
    assert all(line.startswith("some.toml: ") for line in reasons if line), reasons
