"""Report: the figures of a trial as a person reads them."""

from collections.abc import Iterator, Mapping
from typing import Any


def printed(told: Mapping[str, Any]) -> str:
    """Return the figures as text."""
    return "\n".join(_lines(told))


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    run = told["run"]
    yield (
        f"{run['scenario']}: {run['stations']} stations, {run['days']:g} days from {run['begin'][:10]}, weather "
        f"{run['weather']}, seed {run['seed']} ({run['seed_is']}; tuning seeds: "
        f"{', '.join(map(str, run['tuning_seeds']))})"
    )
    yield ""
    yield _row("fault", "found", "missed", "recall", "wrong", "false/st.month", "median", "p90")
    for kind, row in told["per_fault"].items():
        yield _row(
            kind, f"{row['detected']}/{row['sought']}", row["missed"], _number(row["recall"]), row["wrong_cause"],
            f"{row['false_alarms_per_station_month']:.4f}", _span(row["delay_median_s"]), _span(row["delay_p90_s"]),
        )  # fmt: skip
    yield ""
    yield _row("rule", "alarms", "shown", "false", "false/st.month", "beside")
    for rule, row in told["per_rule"].items():
        beside = ", ".join(f"{kind} {count}" for kind, count in list(row["false_beside"].items())[:5])
        yield _row(
            rule, row["alarms"], row["operator_alarms"], row["false_alarms"],
            f"{row['false_alarms_per_station_month']:.4f}", beside,
        )  # fmt: skip
    yield ""
    yield _summary("rules", told)
    for name, each in told["beside"].items():
        yield _summary(name, each)
    for each in told["real"]:
        rules = ", ".join(f"{rule} {count}" for rule, count in each["by_rule"].items()) or "none"
        yield (
            f"real, {each['device']}, {each['from'][:10]} to {each['to'][:10]}: "
            f"{each['operator_alarms_per_station_month']} operator alarms per station and month: {rules}"
        )
    yield f"in {run['seconds']} s; {run['simulating_cpu_s']} CPU s of them for the city"


def _summary(name: str, each: Mapping[str, Any]) -> str:
    return (
        f"{name}: precision {_number(each['precision'])}, recall {_number(each['recall'])} ({each['detected']} of "
        f"{each['sought']} faults), {each['false_alarms']} false alarms "
        f"({each['false_alarms_per_station_month']:.4f} per station and month), "
        f"{each['operator_alarms_per_station_day']:.4f} operator alarms per station and day"
    )


def _row(first: str, *others: object) -> str:
    return f"{first:<24}" + "".join(f"{other!s:>16}" for other in others)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 5400:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86_400 else f"{seconds / 86_400:.1f} d"
