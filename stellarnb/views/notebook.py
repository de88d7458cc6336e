"""Making Bokeh work in a notebook that can reach no other host."""

from __future__ import annotations

from importlib.util import find_spec

from stellarnb.errors import MissingInput

__all__ = ["bokeh_js", "enable_notebook", "in_notebook"]

#: What the JupyterLab extension of jupyter_bokeh runs as a script of the page.
_LOAD = "application/vnd.bokehjs_load.v0+json"


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook (and not a script or a terminal)."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


def enable_notebook() -> bool:
    """Put BokehJS itself into the output of the running cell, so that figures need no network.

    It belongs to the cell that makes a figure: saved with the notebook, it is there again when
    the page is loaded anew. Outside a notebook nothing happens.

    Returns
    -------
    bool
        Whether there is a notebook.

    Raises
    ------
    MissingInput
        If a package that draws in notebooks is not installed; the message says what to do.
    """
    if not in_notebook():
        return False
    if find_spec("jupyter_bokeh") is None:
        raise MissingInput(
            "Live maps need the package jupyter_bokeh, which is not installed for this kernel. "
            "Run: pip install jupyter_bokeh; then restart the kernel and reload the page. "
            "Maps as files need no notebook: stellarnb.views.save_maps(labels, 'map.html')."
        )
    from IPython.core.display_functions import display

    display({_LOAD: bokeh_js(["bokeh"])}, raw=True)
    return True


def bokeh_js(components: list[str]) -> str:
    """Return BokehJS itself, as one script.

    Bokeh's own ways to a page (`output_notebook`, `file_html`) add the files of every extension
    that some other package has imported, and those are not inline.

    Parameters
    ----------
    components : list of str
        ``bokeh`` draws figures; ``bokeh-widgets`` adds controls.
    """
    from bokeh.resources import Resources

    return "\n".join(Resources(mode="inline", components=components).js_raw)
