"""Making Bokeh work in a notebook that can reach no other host."""

from __future__ import annotations

from importlib.util import find_spec

from stellarnb.errors import MissingInput

__all__ = ["enable_notebook", "in_notebook"]


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
    from bokeh.io import output_notebook
    from bokeh.resources import Resources

    # Of BokehJS only the part that draws: a quarter of INLINE's 4 MB, in each saved notebook.
    output_notebook(Resources(mode="inline", components=["bokeh"]), hide_banner=True)
    return True
