"""What a chemical map can be told, and whether it can follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import traitlets

from stellarnb.views.live.bokeh_parts import DRAGS
from stellarnb.widgets.core.checks import check_bins, check_flags, check_row, check_snr

if TYPE_CHECKING:
    from stellarnb.cartography import Bins
    from stellarnb.views.data.stars import MapStars as Stars

__all__ = ["MapTraits"]


class MapTraits(ipw.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The traits of a chemical map, each checked against its table."""

    _stars: Stars
    _grid: Bins

    good_only = traitlets.Bool(False, help="Only the recommended cut is in colour.")
    color_by = traitlets.Unicode("count", help="'count', or a column to average in each bin.")
    snr = traitlets.Any(None, allow_none=True, help="Lowest and highest S/N in colour, or None.")
    unflagged = traitlets.Any((), help="Flags that must not be set.")
    bins: Any = traitlets.List(help="Bins (row in abs(Z), column in R) in colour; all where empty.")
    drag = traitlets.Enum(DRAGS, "pan", help="What dragging does.")
    star = traitlets.Any(None, allow_none=True, help="Row of the star that was tapped.")

    @traitlets.validate("color_by")
    def _check_color_by(self, proposal: Any) -> str:
        return self._stars.check_colour(proposal["value"])

    @traitlets.validate("good_only")
    def _check_good_only(self, proposal: Any) -> bool:
        self._stars.chosen(good_only=proposal["value"])
        return bool(proposal["value"])

    @traitlets.validate("snr")
    def _check_snr(self, proposal: Any) -> tuple[float, float] | None:
        return check_snr(self._stars, proposal["value"])

    @traitlets.validate("unflagged")
    def _check_unflagged(self, proposal: Any) -> tuple[str, ...]:
        return check_flags(self._stars, proposal["value"])

    @traitlets.validate("bins")
    def _check_bins(self, proposal: Any) -> list[tuple[int, int]]:
        return check_bins(self._stars, self._grid, proposal["value"])

    @traitlets.validate("star")
    def _check_star(self, proposal: Any) -> int | None:
        return check_row(self._stars, proposal["value"])
