"""Make Bokeh work in a notebook without network access."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from stellarnb.errors import MissingInput

__all__ = [
    "ASLEEP",
    "STILL",
    "bokeh_js",
    "enable_figures",
    "enable_notebook",
    "in_notebook",
    "loaded_already",
    "show_with_picture",
    "still_bundle",
]

#: Stands below the picture of a map without a kernel.
ASLEEP = "A picture of a live map: run this cell (Shift+Enter) to bring the map back."
#: The same below the words of any other widget.
STILL = "A live widget stood here: run this cell (Shift+Enter) to bring it back."

#: Run by JupyterLab at once. (The type of jupyter_bokeh is run when its place on the page comes into
#: view: after a reload the map could then be there before BokehJS, and fail.)
_LOAD = "application/javascript"

#: Puts BokehJS into the page, once, and hides the picture of a map where the map itself lives:
#: link.js gives that place its class. (No `:has`: with it each repaint would cost the page tens
#: of milliseconds.)
_SETUP = """(() => {
  if (window.Bokeh?.version !== VERSION) {
    const script = document.createElement("script")
    script.textContent = SCRIPT
    document.head.append(script)
  }
  if (document.getElementById("stellarnb-style") === null) {
    const style = document.createElement("style")
    style.id = "stellarnb-style"
    style.textContent = ".stellarnb-live .stellarnb-picture { display: none }"
    document.head.append(style)
  }
})()"""


_LOADED: ContextVar[bool] = ContextVar("stellarnb_bokeh_loaded", default=False)


@contextmanager
def loaded_already() -> Iterator[None]:
    """Skip loading BokehJS within the block: the cell that made the widget has loaded it.

    The answer to a click has no output of its own, so the script would be lost.
    """
    before = _LOADED.set(True)
    try:
        yield
    finally:
        _LOADED.reset(before)


def in_notebook() -> bool:
    """Return whether this is the kernel of a notebook (not a script or a terminal)."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


def enable_notebook() -> bool:
    """Put BokehJS into the output of the running cell; return whether this is a notebook."""
    if not in_notebook():
        return False
    if _LOADED.get():
        return True
    if find_spec("jupyter_bokeh") is None:
        raise MissingInput(
            "Live maps need the package jupyter_bokeh, which is not installed for this kernel. "
            "Run: pip install jupyter_bokeh; then restart the kernel and reload the page. "
            "Maps as files need no notebook: stellarnb.views.save_maps(labels, 'map.html')."
        )
    from bokeh import __version__
    from IPython.core.display_functions import display

    script = _SETUP.replace("VERSION", json.dumps(__version__))
    display({_LOAD: script.replace("SCRIPT", json.dumps(bokeh_js(["bokeh"])))}, raw=True)
    return True


def enable_figures() -> None:
    """Make a notebook show a matplotlib figure at the end of a cell, as with pyplot."""
    if in_notebook() and find_spec("matplotlib_inline") is not None:
        import_module("matplotlib_inline.backend_inline")


def show_with_picture(bundle: dict[str, Any], picture: Callable[[], bytes], words: str) -> None:
    """Show a widget, then the PNG picture that replaces it in a notebook without a kernel."""
    from IPython.core.display_functions import display

    display(bundle, raw=True)
    display(still_bundle(picture(), words, ASLEEP), raw=True)


def still_bundle(picture: bytes | None, words: str, below: str = STILL) -> dict[str, Any]:
    """Return what replaces a widget without a kernel, by MIME types: a PNG or plain text."""
    text = {"text/plain": f"{words}. {below}"}
    said = f"<figcaption>{escape(below)}</figcaption>"
    if picture is None:
        shown = f'<div style="white-space: pre-wrap">{escape(words)}</div>'
        return {"text/html": f'<figure class="stellarnb-picture">{shown}{said}</figure>', **text}
    image = base64.b64encode(picture).decode()
    shown = f'<img alt="{escape(words)}" src="data:image/png;base64,{image}">'
    html = f'<figure class="stellarnb-picture">{shown}{said}</figure>'
    return {"text/html": html, "image/png": image, **text}


def bokeh_js(components: list[str]) -> str:
    """Return BokehJS as one script; `components` are ``bokeh`` and ``bokeh-widgets``.

    Bokeh's own `output_notebook` and `file_html` add extension files that are not inline.
    """
    from bokeh.resources import Resources

    return "\n".join(Resources(mode="inline", components=components).js_raw)
