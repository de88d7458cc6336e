"""Drawing: the same aggregates as live Bokeh figures, HoloViews objects, HTML and PNG."""

from stellarnb.views.save import save_maps

__all__ = ["save_maps"]
