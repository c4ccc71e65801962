"""How Project writes durations, lags, slack, money and days, and that none of it changes on the way."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ms_project.units import (
    day,
    decimal,
    guid,
    hours,
    lag_days,
    last_day,
    link_word,
    milestone_status,
    scaled,
    task_status,
    yes,
)

MOMENTS = st.datetimes(datetime(1985, 1, 1), datetime(2148, 12, 31), allow_imaginary=False)
ZONES = (
    "Etc/GMT+12",
    "Pacific/Kiritimati",
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "UTC",
)


@given(st.integers(0, 10**7))
def test_a_duration_comes_back_as_its_hours(seconds: int) -> None:
    text = f"PT{seconds // 3600}H{seconds // 60 % 60}M{seconds % 60}S"
    found = hours(text)
    assert isinstance(found, int | float)
    assert abs(found * 3600 - seconds) < 0.2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT8H0M0S", 8), ("PT80H0M0S", 80), ("PT0H30M0S", 0.5), ("-PT4H0M0S", -4), ("P1DT2H", 26), ("PT1.5H", 1.5),
        ("PT0H0M0S", 0), ("", None), (None, None), ("P", "P"), ("PT", "PT"), ("8h", "8h"), ("PT1H2X", "PT1H2X"),
    ],
)  # fmt: skip
def test_durations_are_hours_and_what_is_none_stays_for_a_finding(text: str | None, expected: object) -> None:
    assert hours(text) == expected


@given(st.integers(-400, 400), st.sampled_from([420, 450, 480, 600]))
def test_a_lag_in_working_days_comes_back(quarters: int, minutes_per_day: int) -> None:
    days = quarters / 4
    lag = round(days * minutes_per_day * 10)
    assert lag_days(lag, 7, minutes_per_day) == days


@pytest.mark.parametrize(
    ("lag", "form", "length", "days", "word"),
    [
        (4800, 7, None, 1, "FS+1d"), (-9600, 7, None, -2, "FS-2d"), (600, 5, None, 0.125, "FS+1h"),
        (43200, 8, None, 3, "FS+3ed"), (24000, 9, None, 5, "FS+1w"), (4800, 39, None, 1, "FS+1d"),
        (50, 19, 16, 1, "FS+50%"), (50, 19, None, None, "FS+50%"), (100, 20, 24, 1, "FS+100e%"), (0, 7, None, 0, "FS"),
        (4800, 99, None, 1, "FS+1d"),
    ],
)  # fmt: skip
def test_every_unit_of_a_lag_becomes_days(
    lag: int, form: int, length: float | None, days: object, word: str
) -> None:
    assert lag_days(lag, form, 480, length) == days
    assert link_word("FS", lag, form, 480) == word


@given(MOMENTS, st.sampled_from(ZONES))
def test_a_day_is_the_same_day_in_every_zone(moment: datetime, zone: str) -> None:
    # The plan was made in that zone, in which the moment may be one that a clock change skips or repeats.
    local = moment.replace(tzinfo=ZoneInfo(zone)).replace(tzinfo=None, microsecond=0)
    assert day(local.isoformat()) == local.date().isoformat()


@given(MOMENTS, st.integers(1, 400))
def test_a_finish_at_midnight_is_the_end_of_the_day_before(start: datetime, days: int) -> None:
    begun = start.replace(microsecond=0)
    finish = datetime.combine(begun.date() + timedelta(days=days), datetime.min.time())
    assert last_day(begun.isoformat(), finish.isoformat()) == (finish.date() - timedelta(days=1)).isoformat()
    later = finish.replace(hour=17)
    assert last_day(begun.isoformat(), later.isoformat()) == finish.date().isoformat()


def test_a_milestone_at_midnight_stays_on_its_day() -> None:
    assert last_day("2026-03-02T00:00:00", "2026-03-02T00:00:00") == "2026-03-02"
    assert last_day("2026-03-01T22:00:00", "2026-03-02T00:00:00") == "2026-03-01"


@pytest.mark.parametrize("start", ["2026-03-02", "2026-03-02T08:00:00"])
def test_a_finish_without_a_time_is_the_day_that_it_names(start: str) -> None:
    assert last_day(start, "2026-03-05") == "2026-03-05"


@pytest.mark.parametrize(
    "text", ["1984-01-01T00:00:00", "2149-12-31T00:00:00", "0001-01-01T00:00:00", "", None]
)
def test_the_edges_of_what_project_can_hold_are_no_dates(text: str | None) -> None:
    assert day(text) is None


def test_text_that_is_no_date_stays_for_a_finding() -> None:
    assert (day("soon"), last_day("2026-01-01T08:00:00", "soon")) == ("soon", "soon")


@given(st.decimals(0, 10**10, places=2))
def test_money_times_a_hundred_comes_back(amount: object) -> None:
    assert scaled(str(int(float(str(amount)) * 100 + 0.5)), 100) == pytest.approx(
        float(str(amount)), abs=0.006
    )


@given(st.text(max_size=20))
def test_any_text_is_a_number_or_stays_as_it_is(text: str) -> None:
    for read in (decimal, hours, guid, day):
        read(text)
    found = decimal(text)
    assert found is None or isinstance(found, int | float) or found == text


@pytest.mark.parametrize(
    ("text", "expected"), [("nan", "nan"), ("inf", "inf"), ("1e400", "1e400"), ("12.50", 12.5), ("7", 7)]
)
def test_numbers_are_finite(text: str, expected: object) -> None:
    assert decimal(text) == expected


def test_ids_have_one_spelling() -> None:
    assert guid("{8C2A1F0E-6B1D-4E11-8F6D-00155D0A1B2C}") == "8c2a1f0e-6b1d-4e11-8f6d-00155d0a1b2c"
    assert guid("00000000-0000-0000-0000-000000000000") is None
    assert [yes(text) for text in ("1", "true", "True", "0", "false", "", None)] == [True] * 3 + [False] * 4


@pytest.mark.parametrize(
    ("percent", "started", "finished", "active", "expected"),
    [
        (0, None, None, True, "todo"), (0, "2026-01-01", None, True, "in_progress"), (1, None, None, True, "in_progress"),
        (99.5, None, None, True, "in_progress"), (100, None, None, True, "done"), (0, None, "2026-01-01", True, "done"),
        (50, None, None, False, "cancelled"), (None, None, None, True, "todo"),
    ],
)  # fmt: skip
def test_a_status_follows_from_how_far_a_task_is(
    percent: float | None, started: str | None, finished: str | None, active: bool, expected: str
) -> None:
    assert task_status(percent, started, finished, active=active) == expected


def test_a_milestone_is_planned_until_it_is_reached() -> None:
    assert milestone_status(0, None, active=True) == "planned"
    assert milestone_status(100, None, active=True) == "done"
    assert milestone_status(0, "2026-01-01", active=True) == "done"
    assert milestone_status(100, None, active=False) == "cancelled"
    assert date.fromisoformat(str(day("2026-03-29T01:30:00"))) == date(2026, 3, 29)
