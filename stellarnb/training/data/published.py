"""Files that others published: the very ones, or none."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import partial
from pathlib import Path

from stellarnb.errors import ChecksumMismatch, MissingInput

__all__ = ["installed_file", "verify"]


def installed_file(package: str, name: str, what: str, install: str) -> Path:
    """Return where an installed package keeps a data file; the package is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingInput(
            f"{what} with the PyPI package {package}, which is not installed. Run: {install}"
        )
    path = Path(spec.origin).with_name("data") / name
    if not path.is_file():
        raise MissingInput(f"{path} is not there; install the package again: {install}")
    return path


def verify(path: Path, sha256: str, source: str, install: str) -> None:
    """Make sure that a file is the published one."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(partial(stream.read, 1 << 20), b""):
            digest.update(block)
    if digest.hexdigest() != sha256:
        raise ChecksumMismatch(
            f"{path} is not the file of {source} (sha256 {digest.hexdigest()[:12]}…, "
            f"expected {sha256[:12]}…). Install it again: {install}"
        )
