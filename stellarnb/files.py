"""Writing files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from stellarnb.errors import OutputError, StellarnbError

__all__ = ["atomic_write", "make_folder", "notebooks_folder"]


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`, and move it there once the block has succeeded.

    Parameters
    ----------
    path : path-like
        Where the file goes in the end. An older file there is replaced only by a whole one.

    Yields
    ------
    pathlib.Path
        The temporary file to write to; it has the same ending as `path`.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full; nothing is left behind.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.stem}-", suffix=target.suffix
        )
        os.close(handle)
    except OSError as error:
        raise OutputError(_words(target, error)) from error
    part = Path(name)
    try:
        yield part
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        # mkstemp makes the file private; a result gets the mode of any other new file.
        part.chmod(0o666 & ~_umask())
        part.replace(target)
    except StellarnbError:  # of whoever writes: an archive that is down is an OSError too
        raise
    except OSError as error:
        raise OutputError(_words(target, error)) from error
    finally:
        part.unlink(missing_ok=True)


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder (and its parents) that can be written to.

    Parameters
    ----------
    path : path-like
        The folder; it may be there already.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    OutputError
        If it cannot be made, is a file, or refuses new files.
    """
    folder = Path(path).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(_words(folder, error)) from error
    return folder


def notebooks_folder() -> Path:
    """Return the folder of the course's notebooks: in the package, or beside it in a checkout.

    Returns
    -------
    pathlib.Path
        It may not be there, in a package that was built without it.
    """
    package = Path(str(resources.files("stellarnb")))
    inside = package / "notebooks"
    return inside if inside.is_dir() else package.parent / "notebooks"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _words(path: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    return (
        f"Cannot write {path}: {reason}. Nothing was left half-written; choose another folder "
        "or make room, then run it again."
    )
