r"""What the widgets share: errors in place, code to copy, a state, a still, an end.

A widget of stellarnb is a `BaseWidget`::

    class Counter(BaseWidget):
        count = traitlets.Int(0)

        def __init__(self, *, state=None):
            super().__init__("Counter")
            self.bar = self.own(TaskBar())          # closed with the widget, its run stopped first
            button = ipw.Button(description="Count")
            button.on_click(lambda _: self.guarded(self.more))   # errors are shown in the widget
            self.show_parts(button, self.bar)       # the foot (errors, 'Copy as Python') is added
            self.begin(state)                       # last: puts a saved state

        def more(self):
            self.count += 1

        def to_code(self):                          # Python that makes the same result
            return f"count = {self.count}\n"

        def state_values(self):                     # plain values for JSON
            return {"count": self.count}

        def put_state(self, values):                # every value is checked: files come from others
            self.count = int(values["count"])

        def still(self):                            # what a notebook without a kernel shows
            return f"Counted to {self.count}"       # plain text; `still_picture` may return a PNG

Whatever a handler does goes through `guarded`, which also keeps the code in the foot up to date;
call `refresh` after a change from elsewhere (the end of a run).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import ipywidgets as ipw
import traitlets
from anywidget import AnyWidget

from stellarnb.errors import InvalidInput, StellarnbError
from stellarnb.files import atomic_write
from stellarnb.views.live.notebook import in_notebook, still_bundle
from stellarnb.widgets.core.formatting import error_words, page_file

__all__ = ["BaseWidget", "Closable", "Foot", "close_tree", "read_values"]

_VERSION = 1
#: Outputs of one widget whose still is kept up to date.
_STILLS = 8


class Closable(Protocol):
    """Whatever has to be ended with a widget."""

    def close(self) -> None:
        """Stop its work and release what it holds."""


Part = TypeVar("Part", bound=Closable)


class Foot(AnyWidget):  # type: ignore[misc]  # anywidget's base has no types
    """The last line of a widget: its last error, and the code (or other text) to copy."""

    _esm = traitlets.Unicode(page_file("base.js")).tag(sync=True)
    _css = traitlets.Unicode(page_file("base.css")).tag(sync=True)
    error = traitlets.Unicode("").tag(sync=True)
    code = traitlets.Unicode("").tag(sync=True)
    name = traitlets.Unicode("").tag(sync=True)
    what = traitlets.Unicode("Python").tag(sync=True)


class BaseWidget(ipw.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A widget with errors in place, code, a state, a still and an end; see the module.

    Parameters
    ----------
    title : str
        Its name for people and screen readers.
    """

    #: True until it is whole: one that was refused on the way is closed by Python too.
    _closed = True

    def __init__(self, title: str) -> None:
        super().__init__(layout=ipw.Layout(width="100%", min_width="0"))
        self.add_class("snb-widget")
        self._title = title
        self._foot = Foot(name=title)
        self._owned: list[Closable] = []
        self._stills: list[Any] = []
        self._closed = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.still().splitlines()[0]})"

    # What each widget defines.

    def to_code(self) -> str:
        """Return Python that makes the same result; empty where there is none yet."""
        return ""

    def state_values(self) -> dict[str, Any]:
        """Return what is shown, as plain values for JSON: no stars and no spectra."""
        return {}

    def put_state(self, values: Mapping[str, Any]) -> None:
        """Show what `state_values` returned; any error leaves the widget as it was."""

    def still(self) -> str:
        """Return the sentence that stands where no kernel is, as plain text."""
        return self._title

    def still_picture(self) -> bytes | None:
        """Return a picture beside that sentence, as the bytes of a PNG file, or None."""
        return None

    # What it uses.

    @property
    def status(self) -> str:
        """The last error message; empty if there was none."""
        return str(self._foot.error)

    def show_parts(self, *parts: ipw.Widget) -> None:
        """Show these, from top to bottom, and the foot below them."""
        self.children = (*parts, self._foot)

    def own(self, part: Part) -> Part:
        """Take note of something that has to be closed before the widget is; return it."""
        self._owned.append(part)
        return part

    def begin(self, state: str | os.PathLike[str] | Mapping[str, Any] | None = None) -> None:
        """Put a saved state, if there is one, and show the code for the first time."""
        if state is not None:
            self.restore(state)
        self.refresh()

    def guarded(self, work: Callable[[], Any]) -> bool:
        """Call a function for a control, show its error if it fails, return whether it succeeded.

        An error in a callback would otherwise end in a log that nobody reads.
        """
        try:
            work()
        except Exception as error:  # noqa: BLE001  (whatever it is, the user must see it)
            self.say_error(error)
            return False
        self.say_error(None)
        self.refresh()
        return True

    def say_error(self, error: BaseException | str | None) -> None:
        """Show an error in the foot, or none."""
        words = error_words(error) if isinstance(error, BaseException) else (error or "")
        if not self._closed:
            self._foot.error = words

    def refresh(self) -> None:
        """Bring the code in the foot and the stills in the notebook up to date."""
        if self._closed:
            return
        try:
            self._foot.code = self.to_code()
        except StellarnbError:
            self._foot.code = ""
        for handle in self._stills:
            with suppress(Exception):  # the output may be gone
                handle.update(self._still_bundle(), raw=True)

    # State, files, end.

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save the state as ``.json``, for the keyword `state` and for `restore`.

        Raises
        ------
        InvalidInput
            For another ending.
        OutputError
            If it cannot be written; nothing is left half-written.
        """
        target = Path(path).expanduser()
        if target.suffix != ".json":
            raise InvalidInput(
                f"{target.name}: a state is saved as JSON; give a name that ends in .json."
            )
        with atomic_write(target) as part:
            part.write_text(self._state_text(), encoding="utf-8")
        return target

    def restore(self, state: str | os.PathLike[str] | Mapping[str, Any]) -> None:
        """Show again what `save` or `state_values` kept.

        Raises
        ------
        InvalidInput
            If it is not a state of such a widget; the widget stays as it was.
        """
        values = state if isinstance(state, Mapping) else read_values(state, type(self).__name__)
        before = self.state_values()
        try:
            self.put_state(values)
        except Exception as error:
            with suppress(Exception):
                self.put_state(before)
            if isinstance(error, (StellarnbError, traitlets.TraitError)):
                raise InvalidInput(f"This saved state does not fit this widget: {error}") from error
            if isinstance(error, (KeyError, TypeError, ValueError, AttributeError)):
                kind = type(self).__name__
                raise InvalidInput(
                    f"This is not a saved state of a {kind} ({error!r}): give a file that .save() of a "
                    f"{kind} wrote."
                ) from error
            raise
        self.refresh()

    def close(self) -> None:
        """Stop what runs and leave the page: no thread, no comm, no part is left."""
        if self._closed:
            return
        self._closed = True
        for part in reversed(self._owned):
            part.close()
        self._owned.clear()
        self._stills.clear()
        close_tree(self)

    def close_first(self) -> bool:
        """Close it, unless that is going on; return whether there was anything to close."""
        open_ = not self._closed
        self.close()
        return open_

    def _state_text(self) -> str:
        head = {"format": f"stellarnb {type(self).__name__}", "version": _VERSION}
        return json.dumps({**head, "state": self.state_values()}, indent=1)

    def _ipython_display_(self) -> None:
        """Show the widget, and after it the still that stays where no kernel is."""
        from IPython.core.display_functions import display

        display(self._live_bundle(), raw=True)
        handle = display(self._still_bundle(), raw=True, display_id=True) if in_notebook() else None
        if handle is not None:
            self._stills = [*self._stills[1 - _STILLS :], handle]

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:  # noqa: ARG002 - IPython's own signature
        return self._live_bundle()

    def _live_bundle(self) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**(data or {}), "text/plain": repr(self)}

    def _still_bundle(self) -> dict[str, Any]:
        return still_bundle(self.still_picture(), self.still())

    def _close_alone(self) -> None:
        super().close()


def read_values(path: str | os.PathLike[str], kind: str) -> Mapping[str, Any]:
    """Return the values that a widget of some kind has saved."""
    try:
        entry = json.loads(Path(path).expanduser().read_bytes())
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{path} is not a saved state: the file is not valid JSON ({error})."
        ) from error
    wanted = {"format": f"stellarnb {kind}", "version": _VERSION}
    if not isinstance(entry, dict) or {key: entry.get(key) for key in wanted} != wanted:
        raise InvalidInput(
            f"{path} is not a saved state of a {kind}: give a file that its .save() wrote."
        )
    values = entry.get("state")
    if not isinstance(values, dict):
        raise InvalidInput(f"{path} has no values under 'state': give a file that .save() wrote.")
    return values


def close_tree(widget: ipw.Widget) -> None:
    """Close a widget, all widgets inside it, and their layouts and styles (ipywidgets does not)."""
    if isinstance(widget, BaseWidget) and widget.close_first():
        return
    for part in list(_inside(widget)):
        close_tree(part)
    looks = [getattr(widget, name, None) for name in ("layout", "style")]
    widget.unobserve_all()
    if isinstance(widget, BaseWidget):
        widget._close_alone()  # noqa: SLF001  (its own module)
    else:
        widget.close()
    for look in looks:
        if isinstance(look, ipw.Widget):
            look.close()


def _inside(widget: ipw.Widget) -> Iterator[ipw.Widget]:
    children: Sequence[Any] = getattr(widget, "children", ())
    for child in children:
        if isinstance(child, ipw.Widget):
            yield child
