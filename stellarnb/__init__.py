"""stellarnb: archive, network, trust flags and map of the Milky Way in one notebook."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = "0.2.0"
