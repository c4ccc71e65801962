"""Fields the register computes from a row's own other fields, whenever the row is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

Values = dict[str, Any]


def derive(entity: str, values: Values) -> Values:
    """`values` with the computed fields of its entity set; the same object, changed in place."""
    compute = _COMPUTED.get(entity)
    if compute is not None:
        compute(values)
    return values


def computed_fields(entity: str) -> Mapping[str, str]:
    """Field → what it is computed from, for people."""
    return _FROM.get(entity, {})


def working_days_between(start: date, end: date) -> int:
    """Working days (Monday to Friday, no holidays) from `start` to `end`: 0 on the same day, negative backwards."""
    if end < start:
        return -working_days_between(end, start)
    weeks, days = divmod((end - start).days, 7)
    rest = sum((start + timedelta(days=n)).weekday() < 5 for n in range(1, days + 1))
    return weeks * 5 + rest


def _milestone(values: Values) -> None:
    baseline = values.get("baseline_on")
    now = values.get("actual_on") or values.get("forecast_on") or values.get("planned_on")
    if baseline and now and values.get("status") != "cancelled":
        values["slip_days"] = working_days_between(date.fromisoformat(baseline), date.fromisoformat(now))
    else:
        values.pop("slip_days", None)


def _risk(values: Values) -> None:
    # The product, not the sheet's own column: a formula cell is as old as the file's last save.
    for target, first, second in (
        ("score", "probability", "impact"),
        ("residual_score", "residual_probability", "residual_impact"),
    ):
        p, i = values.get(first), values.get(second)
        if isinstance(p, int) and isinstance(i, int):
            values[target] = p * i
        else:
            values.pop(target, None)


_FROM: Mapping[str, Mapping[str, str]] = {
    "milestone": {
        "slip_days": "baseline_on and actual_on, else forecast_on, else planned_on; none when cancelled"
    },
    "risk": {"score": "probability × impact", "residual_score": "residual_probability × residual_impact"},
}
_COMPUTED: dict[str, Callable[[Values], None]] = {"milestone": _milestone, "risk": _risk}
