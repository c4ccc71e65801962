"""What an answer says beside the data that was asked for: the tool's own words, and how long it wants to wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import orjson


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
    parts: list[str] = [str(text) for text in data.get("errorMessages") or ()]
    errors = data.get("errors")
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
    """Seconds the tool asks us to wait: Retry-After as seconds or date, else X-RateLimit-Reset as ISO 8601 or
    epoch seconds."""
    now = datetime.now(UTC)
    told = headers.get("retry-after", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        moment = http_date(told)
    if moment is None and (reset := headers.get("x-ratelimit-reset", "")):
        try:
            seconds = float(reset)
            moment = datetime.fromtimestamp(seconds, UTC) if seconds > 1e8 else None
            if moment is None:
                return max(0.0, seconds)
        except ValueError:
            try:
                moment = datetime.fromisoformat(reset)
            except ValueError:
                return None
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        except OverflowError:
            return None
    return max(0.0, (moment - now).total_seconds()) if moment else None


def http_date(text: str | None) -> datetime | None:
    """The moment of a `Date` or `Retry-After` header; None where there is none or it is no moment that there is."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
