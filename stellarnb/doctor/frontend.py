"""JupyterLab, Notebook, their extensions, the kernel, and BokehJS."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from stellarnb.doctor.finding import Finding, failed, ok, warning
from stellarnb.doctor.packages import installed
from stellarnb.errors import MissingInput
from stellarnb.views.live.notebook import bokeh_js

__all__ = ["check_bokehjs", "check_extensions", "check_jupyter", "check_kernel"]

#: The front-end extensions, by what does not work without each and the package that brings it.
_EXTENSIONS = {
    "@bokeh/jupyter_bokeh": ("live maps", "jupyter_bokeh", True),
    "@jupyter-widgets/jupyterlab-manager": ("controls", "jupyterlab_widgets", True),
    "stellarnb": ("launcher, menus and viewers of files", "stellarnb", False),
}
#: BokehJS has about a megabyte; less than this is a stump.
_LEAST_JS = 200_000


def check_jupyter() -> list[Finding]:
    """Look for JupyterLab and Notebook, here and on the PATH."""
    found = []
    lab = installed("jupyterlab")
    if lab is None:
        remedy = f"{sys.executable} -m pip install jupyterlab"
        found.append(failed("jupyterlab", "not installed for this Python", remedy))
    else:
        found.append(_command(lab))
    notebook = installed("notebook")
    if notebook is None:
        words = "not installed; JupyterLab does without"
        found.append(ok("notebook", words))
    elif int(notebook.split(".")[0]) < 7:
        remedy = f'{sys.executable} -m pip install "notebook>=7"'
        words = f"Notebook {notebook} cannot show the live maps"
        found.append(warning("notebook", words, remedy, version=notebook))
    else:
        found.append(ok("notebook", f"Notebook {notebook}", version=notebook))
    return found


def check_extensions() -> list[Finding]:
    """Look for the front-end extensions that the maps and controls need."""
    # Imported late: only here is JupyterLab's server needed.
    from jupyter_core.paths import jupyter_path
    from jupyterlab_server.config import get_federated_extensions, get_page_config

    places = jupyter_path("labextensions")
    there: dict[str, Any] = get_federated_extensions(places)
    page = get_page_config(places)
    disabled = {str(name).split(":")[0] for name in page.get("disabledExtensions", ())}
    found = []
    for name, (use, package, vital) in _EXTENSIONS.items():
        check = f"labextension {name}"
        wrong = failed if vital else warning
        if name not in there:
            remedy = f"{sys.executable} -m pip install --force-reinstall --no-deps {package}"
            if name == "stellarnb":
                remedy = "Install the wheel; or, in the repository with Node.js: pip install ."
            found.append(
                wrong(check, f"not there: JupyterLab lacks {use}", f"{remedy}; reload the page.")
            )
        elif name in disabled:
            words = f"{there[name]['version']}, disabled: JupyterLab lacks {use}"
            remedy = f"{sys.executable} -m jupyter labextension enable {name}; reload the page."
            found.append(wrong(check, words, remedy))
        else:
            words = f"{there[name]['version']}, enabled, {there[name]['ext_path']}"
            found.append(ok(check, words, version=there[name]["version"]))
    return found


def check_kernel() -> list[Finding]:
    """Find out which Python a notebook's kernel would be."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = KernelSpecManager()
    try:
        spec = manager.get_kernel_spec("python3")
    except NoSuchKernel:
        remedy = f"{sys.executable} -m pip install ipykernel"
        return [failed("kernel", "there is no kernel python3", remedy)]
    program = str(spec.argv[0]) if spec.argv else ""
    # These names mean the Python of the server, as Jupyter has it.
    own = program in {"python", "python3", f"python3.{sys.version_info.minor}"}
    if own or (program and Path(program).absolute() == Path(sys.executable).absolute()):
        return [ok("kernel", f"python3: this Python ({spec.resource_dir})")]
    words = f"python3 runs {program}, another Python than this one ({spec.resource_dir})"
    remedy = f"{sys.executable} -m ipykernel install --sys-prefix, or remove that folder."
    return [warning("kernel", words, remedy)]


def check_bokehjs() -> list[Finding]:
    """Make the script that a notebook's figures carry, as they do."""
    from bokeh import __version__

    remedy = (
        f"{sys.executable} -m pip install --force-reinstall --no-deps bokeh=={__version__}; then "
        "restart the kernel and reload the page."
    )
    try:
        scripts = {part: bokeh_js([part]) for part in ("bokeh", "bokeh-widgets")}
    except (OSError, MissingInput) as error:
        words = f"BokehJS {__version__} is not in the package bokeh: {error}"
        return [failed("bokehjs", f"{words}. Maps stay blank.", remedy)]
    size = len(scripts["bokeh"])
    if size < _LEAST_JS or __version__ not in scripts["bokeh"]:
        words = f"the script of BokehJS is not that of {__version__} ({size:,} characters)"
        return [failed("bokehjs", f"{words}. Maps stay blank.", remedy)]
    words = f"BokehJS {__version__} is put into the page itself, {size / 1e6:.1f} MB; no network"
    return [ok("bokehjs", words, version=__version__, characters=size)]


def _command(version: str) -> Finding:
    """Say whether the command on the PATH is that of this Python."""
    command = shutil.which("jupyter-lab")
    here = Path(sys.executable).parent
    details = {"version": version, "command": command}
    if command is None or Path(command).parent.absolute() == here.absolute():
        return ok("jupyterlab", f"JupyterLab {version}", **details)
    words = f"JupyterLab {version}; but the command on the PATH is another one, {command}"
    return warning("jupyterlab", words, f"Start it by {sys.executable} -m jupyterlab", **details)
