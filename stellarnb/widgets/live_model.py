"""A Bokeh figure in the notebook whose page always shows what Python has."""

from __future__ import annotations

from typing import Any

from jupyter_bokeh.widgets import BokehModel

__all__ = ["LiveModel"]


class LiveModel(BokehModel):  # type: ignore[misc]  # jupyter_bokeh has no types
    """A `jupyter_bokeh.BokehModel` that is not stuck at its first state.

    The plain one describes the figure once, when it is made; later changes reach only the views
    that are open just then. A figure that is changed before it is shown, or whose page is loaded
    anew, would appear as it was at first.
    """

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the state for the page; asked for as a whole, with the figure as it is now."""
        if key is None and "render_bundle" in self._trait_values:
            # Straight into the store: a notification would draw every open view again.
            self._trait_values["render_bundle"] = self._model_to_traits(self._model)
        return super().get_state(key=key, drop_defaults=drop_defaults)

    def update_page(self) -> None:
        """Describe the figure anew to the page, for a view that is about to be opened."""
        self.render_bundle = self._model_to_traits(self._model)
