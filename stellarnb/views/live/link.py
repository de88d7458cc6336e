"""Connect figures on a page with Python: the user's requests in, new images out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import resources
from typing import Any

from bokeh.core.properties import Any as AnyValue
from bokeh.core.properties import Bool, Instance, Int, List, Nullable, String
from bokeh.model import DataModel, Model
from bokeh.models import CustomJS
from bokeh.models.plots import Plot

__all__ = ["Link", "Mailbox", "Request"]

#: After this time without an answer the page shows a message [ms].
PATIENCE = 8000

Request = dict[str, Any]
Handler = Callable[[Request], None]


class Mailbox(DataModel):  # type: ignore[misc]  # bokeh has no types
    """Hold what the page and Python send each other, besides the figures."""

    message = Nullable(AnyValue, default=None)
    answered = String(default="")
    figures = List(Instance(Plot), default=[])
    in_lab = Bool(default=True)
    patience = Int(default=PATIENCE)


class Link:
    """Pass the page's requests to handlers, and send all changes back as one message.

    Handlers are keyed by kind: ``view home brush tap hover leave``; each takes a `Request` with its
    ``kind``, the ``key`` of its figure and its values. `guard` runs the work and catches errors.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        guard: Callable[[Callable[[], None]], None] | None = None,
        in_lab: bool = True,
    ) -> None:
        self._handlers = handlers
        self._guard = guard or (lambda work: work())
        self._live: Any = None
        self._last = ""
        self.mailbox = Mailbox(in_lab=in_lab)
        self.mailbox.on_change("message", lambda attr, old, new: self.take(new))
        self.mailbox.js_on_change("answered", self._script(None, ""))

    def add(self, key: str, figure: Plot, events: Iterable[str] = ()) -> None:
        """Send zooms, sizes and some page events of a figure as requests with this key."""
        self.dress(figure)
        script = self._script(figure, key)
        for part in (figure.x_range, figure.y_range):
            for end in ("start", "end"):
                part.js_on_change(end, script)
        for side in ("inner_width", "inner_height"):
            figure.js_on_change(side, script)
        for name in events:
            figure.js_on_event(name, script)

    def dress(self, figure: Plot) -> None:
        """Let a figure without requests take the colours of the page."""
        self.mailbox.figures = [*self.mailbox.figures, figure]

    def keep(self, root: Model) -> None:
        """Put the mailbox into the document of a root before it is shown, as all that the page sends.

        jupyter_bokeh would otherwise send each change that Python makes back to Python, images and all.
        """
        for model in root.references():
            model.syncable = False
        root.tags = [*root.tags, self.mailbox]
        self.mailbox.syncable = True

    def show(self, live: Any) -> None:
        """Set the `LiveModel` that shows the figures."""
        self._live = live

    def batch(self) -> AbstractContextManager[None]:
        """Send all changes within the block as one message."""
        return nullcontext() if self._live is None else self._live.batch()

    def silence(self) -> AbstractContextManager[None]:
        """Send no changes within the block: they come from the page, which has them."""
        return nullcontext() if self._live is None else self._live.silence()

    def take(self, message: Any) -> None:
        """Handle the requests of ``{"id": ..., "requests": [...]}`` once, and answer.

        jupyter_bokeh reports each change twice: a message that was handled already is ignored.
        """
        if not isinstance(message, dict) or message.get("id") == self._last:
            return
        self._last = str(message.get("id"))

        def work() -> None:
            for request in message.get("requests", []):
                handler = self._handlers.get(request.get("kind"))
                if handler is not None:
                    handler(request)

        with self.batch():
            self._guard(work)
            # Whatever went wrong: a page without an answer would wait for ever.
            self.mailbox.answered = self._last

    def _script(self, figure: Plot | None, key: str) -> CustomJS:
        code = (
            resources.files("stellarnb.views.live").joinpath("link.js").read_text(encoding="utf-8")
        )
        return CustomJS(args={"link": self.mailbox, "figure": figure, "key": key}, code=code)
