"""Builds the JupyterLab extension into a wheel or an editable install, where that is possible."""

import os
import shutil
import subprocess
import sys

from hatch_jupyter_builder import npm_builder

#: Set where a wheel without the extension would be an error: in continuous integration.
REQUIRED = "STELLARNB_REQUIRE_LABEXTENSION"


def build(target_name: str, version: str, path: str) -> None:
    """Build the extension; without Node.js, or if it fails, go on without it and say so.

    Parameters
    ----------
    target_name, version : str
        What is built (wheel or sdist) and how (standard or editable).
    path : str
        Folder of the extension's sources.

    Raises
    ------
    ValueError, subprocess.CalledProcessError
        If it cannot be built and `REQUIRED` is set.
    """
    if target_name != "wheel":
        return
    # An editable install asks twice, and need not build again what is newer than its sources.
    known = {"source_dir": f"{path}/src", "build_dir": f"{path}/built"}
    try:
        _need_node()
        npm_builder(target_name, version, path=path, npm=["jlpm"], build_cmd="build", **known)
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        if os.environ.get(REQUIRED):
            raise
        sys.stderr.write(
            f"stellarnb is installed without its JupyterLab extension: {error}. "
            "All of the Python part works without it.\n"
        )


def _need_node() -> None:
    if not (shutil.which("node") or shutil.which("nodejs")):
        raise ValueError("there is no Node.js on the PATH (20.19 or newer is needed)")
