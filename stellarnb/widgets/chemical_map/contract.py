"""What the parts of a chemical map ask of the map that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

__all__ = ["ControlledMap", "Owner"]


class Owner(Protocol):
    """The one who is told what the user does on the page."""

    def guarded(self, work: Callable[[], None]) -> None:
        """Do something, and show what goes wrong."""

    def brush(self, key: str, x: Sequence[float], y: Sequence[float]) -> None:
        """Take a region that was drawn."""

    def zoomed(self) -> None:
        """Take note of another view."""

    def tapped(self, row: int | None) -> None:
        """Take the star that was tapped, or None."""


class ControlledMap(Owner, Protocol):
    """A map as its controls see it: traits to set and to follow, and actions."""

    star: Any

    @property
    def views(self) -> Mapping[str, Any]:
        """The diagrams' ranges, where they are not at home."""

    def zoom(self, key: str, x: tuple[float, float], y: tuple[float, float]) -> None:
        """Show another part of a diagram."""

    def clear_brush(self) -> None:
        """Choose no region."""

    def reset(self) -> None:
        """Show all stars of the cut again."""

    def undo(self) -> None:
        """Go one step back."""

    def set_trait(self, name: str, value: Any) -> None:
        """Set a trait, checked."""

    def observe(self, handler: Callable[[Any], None], names: str) -> None:
        """Call a function at each change of a trait."""
