"""The pages that are made when the site is built: tutorials, model cards, performance."""

from __future__ import annotations

import inspect
import os
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
from cards import card_page
from facts import facts
from performance import performance_page
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

from stellarnb.models import load_card, model_names

_DOCS = Path(__file__).resolve().parents[1]
#: What a page cannot show without a kernel; the picture that stands beside it stays.
_LIVE = {"application/vnd.jupyter.widget-view+json", "application/javascript"}
_NOT_RUN = (
    ":::{note}\nShown as it is in the repository, without what its cells print and draw. Open it in "
    "JupyterLab to run it.\n:::"
)
_RUN = (
    ":::{note}\nRun without a network when this site was built. Live maps are shown as pictures: "
    "open the notebook in JupyterLab to touch them.\n:::"
)


def notebooks(executed: Path | None) -> dict[str, Any]:
    """Return the course's notebooks by name, with their outputs where they were run.

    Parameters
    ----------
    executed : pathlib.Path or None
        The folder that ``python -m tests.support.notebooks --out`` has filled.
    """
    found = {}
    for path in sorted((_DOCS.parent / "notebooks").glob("*.ipynb")):
        run = executed / path.name if executed else path
        source = run if run.is_file() else path
        notebook = nbformat.read(source, as_version=4)
        found[path.stem] = _for_a_page(notebook, has_run=source is not path)
    return found


def _for_a_page(notebook: Any, *, has_run: bool) -> Any:
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        for output in outputs:
            bundle = output.get("data", {})
            if _LIVE & bundle.keys():
                output["live"] = True
        if cell.cell_type == "code":
            cell["outputs"] = [output for output in outputs if not output.pop("live", False)]
        # A badge would be fetched from another host.
        cell["source"] = re.sub(r"!\[([^\]]*)\]\(https?://[^)]*\)", r"\1", cell["source"])
    notebook.metadata.pop("widgets", None)
    words = _RUN if has_run else _NOT_RUN
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(words, id="how-it-was-made"))
    return notebook


def _write(path: Path, text: str) -> None:
    """Write a page if it has changed, so that only then it is built anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _make(_app: Sphinx, _config: Config) -> None:
    executed = os.environ.get("STELLARNB_EXECUTED")
    pages = {
        f"tutorials/{name}.ipynb": nbformat.writes(notebook)
        for name, notebook in notebooks(Path(executed) if executed else None).items()
    }
    pages |= {f"models/{name}.md": card_page(load_card(name)) for name in model_names()}
    pages["generated/performance.inc.md"] = performance_page(_DOCS / "performance.jsonl")
    for folder in ("tutorials", "models", "generated"):
        for old in (_DOCS / folder).glob("*"):
            if f"{folder}/{old.name}" not in pages:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
    for name, text in pages.items():
        _write(_DOCS / name, text)


def _fill_in(app: Sphinx, page: str, source: list[str]) -> None:
    """Put facts in the place of their names, in code too, where MyST's own substitutions are not."""
    if Path(app.env.doc2path(page)).suffix != ".md":
        return
    known = facts()

    def value(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise ExtensionError(f"{page}: there is no fact {match[0]}; see docs/_ext/facts.py.")
        return known[match[1]]

    source[0] = re.sub(r"\{\{ (\w+) \}\}", value, source[0])


def _own_signature(
    _app: Sphinx, what: str, _name: str, thing: Any, _options: Any, signature: str, _back: str
) -> tuple[str, str] | None:
    """Return what a class of traitlets takes: its metaclass hides it."""
    if what != "class" or signature != "(*args, **kwargs)":
        return None
    parameters = list(inspect.signature(thing.__init__).parameters.values())[1:]
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(plain)), ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the pages before Sphinx looks for them."""
    app.connect("config-inited", _make)
    app.connect("source-read", _fill_in)
    app.connect("autodoc-process-signature", _own_signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
