"""How the site is built; see ``docs/contributing.md``. Nothing is fetched, no notebook is run."""

import sys
from pathlib import Path

from stellarnb import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "stellarnb"
author = "The stellarnb developers"
copyright = author  # noqa: A001 - Sphinx's name for it
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_copybutton",
    "mathml",
    "pages",
]
exclude_patterns = ["_build", "generated", "flow.svg.html"]
templates_path = ["_templates"]
nitpicky = True

html_theme = "furo"
pygments_dark_style = "monokai"
html_title = f"stellarnb {__version__}"
html_static_path = ["_static"]
html_css_files = ["stellarnb.css"]
html_show_sphinx = False
html_copy_source = False

# The theme's own fonts and scripts only; formulas become MathML, which browsers draw themselves.
html_math_renderer = "mathml"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_execution_mode = "off"
nb_merge_streams = True

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
# A single backtick is a link where the name is documented here, and plain code where not.
default_role = "autolink"

# Names of other projects cannot be looked up without a network, and those of modules that are not
# documented here have no page to lead to.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!stellarnb).*"),
    (r"py:obj", r"stellarnb\..*"),
]
