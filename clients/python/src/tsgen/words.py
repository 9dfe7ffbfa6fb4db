"""How tokens and reasons are written."""

from __future__ import annotations

from collections.abc import Iterable

from .jobs import Dead, Retry

#: REASON has at most so many bytes.
REASON_BYTES = 1024


def ranges(tokens: Iterable[int]) -> list[str]:
    """Tokens as the server takes them: those that follow each other as one range."""
    found: list[list[int]] = []
    for token in sorted(tokens):
        if found and found[-1][1] == token - 1:
            found[-1][1] = token
        else:
            found.append([token, token])
    return [str(first) if first == last else f"{first}-{last}" for first, last in found]


def reason_of(error: BaseException) -> bytes:
    """The text of an exception as REASON: never fails, and never too long. What has no UTF-8 is escaped."""
    try:
        text = str(error)
    except Exception:
        text = "(what it says cannot be printed)"
    if not isinstance(error, Dead | Retry):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text.encode(errors="backslashreplace")[:REASON_BYTES].decode(errors="ignore").encode()
