"""Files that others published: the very ones, or none."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

from stellarnb.errors import ChecksumMismatch

__all__ = ["verify"]


def verify(path: Path, sha256: str, source: str, install: str) -> None:
    """Make sure that a file is the published one.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    sha256 : str
        Of the published one.
    source, install : str
        Where it comes from and how to get it, for the message.

    Raises
    ------
    ChecksumMismatch
        If it is not.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(partial(stream.read, 1 << 20), b""):
            digest.update(block)
    if digest.hexdigest() != sha256:
        raise ChecksumMismatch(
            f"{path} is not the file of {source} (sha256 {digest.hexdigest()[:12]}…, "
            f"expected {sha256[:12]}…). Install it again: {install}"
        )
