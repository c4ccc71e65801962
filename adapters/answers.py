"""What an answer says beside the data that was asked for: the tool's own words, and how long it wants to wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import orjson

_SINCE_NOW = 1e8
"""Seconds up to here count from now; beyond, from 1970."""
_LONGEST_WAIT_S = 86_400.0
"""A day is a wait for a daily quota. Whoever asks for more has its numbers or its units wrong, and is asked again after
a day: a source must not fall asleep for years."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    def said(self) -> str:
        """The tool's own words about an error, on one line."""
        return " ".join(error_text(self.body).split())[:400]


def error_text(body: bytes) -> str:
    """What an error body says, in the shapes that Jira, Azure DevOps, OData and gateways use; empty for HTML."""
    try:
        data = orjson.loads(body)
    except ValueError:
        return ""
    if not isinstance(data, dict):
        return ""
    told, errors = data.get("errorMessages"), data.get("errors")
    parts = [str(text) for text in told] if isinstance(told, list) else []
    if isinstance(errors, dict):
        parts += [f"{name}: {text}" for name, text in errors.items()]
    elif isinstance(errors, list):
        parts += [text for text in errors if isinstance(text, str)]
    error = data.get("error") or data.get("odata.error")
    if isinstance(error, dict) and not parts:
        # OData: {"error": {"code", "message"}}, where the older versions wrap the message once more.
        message = error.get("message")
        text = message.get("value") if isinstance(message, dict) else message
        parts += [str(part) for part in (error.get("code"), text) if part]
        parts = [": ".join(parts)] if parts else []
    for name in ("message", "error_description", "error"):
        if not parts and isinstance(data.get(name), str):
            parts.append(data[name])
    return "; ".join(parts)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the tool asks us to wait, a day at most: Retry-After as seconds or date, else X-RateLimit-Reset as ISO
    8601 or epoch seconds. Moments are the tool's: they count from its own clock where the answer tells it."""
    wait = _asked_for(headers)
    return None if wait is None else min(max(0.0, wait), _LONGEST_WAIT_S)


def _asked_for(headers: Mapping[str, str]) -> float | None:
    told = headers.get("retry-after", "")
    try:
        return float(told)
    except ValueError:
        moment = http_date(told)
    if moment is None and (reset := headers.get("x-ratelimit-reset", "")):
        try:
            seconds = float(reset)
            if seconds <= _SINCE_NOW:
                return seconds
            moment = datetime.fromtimestamp(seconds, UTC)
        except ValueError:
            try:
                moment = datetime.fromisoformat(reset)
            except ValueError:
                return None
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        except OverflowError:
            return None
    now = http_date(headers.get("date")) or datetime.now(UTC)
    return (moment - now).total_seconds() if moment else None


def http_date(text: str | None) -> datetime | None:
    """The moment of a `Date` or `Retry-After` header; None where there is none or it is no moment that there is."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
