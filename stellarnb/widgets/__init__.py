"""Widgets for JupyterLab; every control has its twin in Python."""

import lazy_loader

# A map needs nothing of the archives and networks that its sisters import.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
