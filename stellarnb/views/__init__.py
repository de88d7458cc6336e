"""Drawing: the same aggregates as live Bokeh figures, HoloViews objects, HTML and paper figures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
