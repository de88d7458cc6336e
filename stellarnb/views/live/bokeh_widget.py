"""Bokeh figures in the notebook, kept the same in Python and on the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bokeh.protocol import Protocol
from jupyter_bokeh.widgets import BokehModel

__all__ = ["LiveModel"]


class LiveModel(BokehModel):  # type: ignore[misc]  # jupyter_bokeh has no types
    """Show a Bokeh figure whose state is current, and send several changes as one message.

    `jupyter_bokeh.BokehModel` keeps its first state and repaints after every single change.
    """

    _changes: list[Any] | None = None
    _silent = False
    #: Whether the figure has changed since it was described.
    _stale = False

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Send all changes within the block as one message."""
        if self._changes is not None:  # within a batch already
            yield
            return
        self._changes = []
        try:
            yield
        finally:
            changes, self._changes = self._changes, None
            if changes:
                self._send_events(changes)

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Send no changes within the block: they come from the page, which has them."""
        before, self._silent = self._silent, True
        try:
            yield
        finally:
            self._silent = before

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the state for the page; asked for as a whole, with the figure as it is now."""
        if key is None and self._stale and "render_bundle" in self._trait_values:
            # Straight into the store: a notification would draw every open view again.
            self._trait_values["render_bundle"] = self._model_to_traits(self._model)
            self._stale = False
        return super().get_state(key=key, drop_defaults=drop_defaults)

    def update_page(self) -> None:
        """Describe the figure anew to the page, for a view that is about to be opened."""
        if self._stale:
            self.render_bundle = self._model_to_traits(self._model)
            self._stale = False

    def close(self) -> None:
        """Leave the page; a second time nothing happens."""
        if self.comm is not None:
            super().close()

    def _document_patched(self, event: Any) -> None:
        """Take a change of the document (called by Bokeh)."""
        self._stale = True
        if event.setter is self or self._silent:
            return
        if self._changes is None:
            self._send_events([event])
        else:
            self._changes.append(event)

    def _send_events(self, events: list[Any]) -> None:
        message = Protocol().create("PATCH-DOC", events)
        for text in (message.header_json, message.metadata_json, message.content_json):
            self.send({"msg": "patch", "payload": text})
        for buffer in message.buffers:
            self.send({"msg": "patch", "payload": json.dumps(buffer.ref)})
            self.send({"msg": "patch"}, [buffer.to_bytes()])
