"""Text of errors, numbers and times; the files that go to the page."""

from __future__ import annotations

from importlib import resources

from stellarnb.errors import StellarnbError

__all__ = ["error_words", "number_words", "page_file", "time_words"]


def error_words(error: BaseException) -> str:
    """Return an error for people; the kind is named only where its text was not written for them."""
    text = str(error).strip()
    if isinstance(error, StellarnbError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def number_words(number: int) -> str:
    """Return a number with thousands set apart."""
    return f"{number:,}"


def time_words(seconds: float | None) -> str:
    """Return a span of time: ``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds is None:
        return ""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def page_file(name: str) -> str:
    """Return the text of a script or style sheet of this folder."""
    return resources.files("stellarnb.widgets").joinpath("static", name).read_text(encoding="utf-8")
