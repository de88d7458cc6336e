"""The files of the cache, named by their sha256 and written once, each with a note."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stellarnb.errors import OutputError, StellarnbError

__all__ = ["Objects", "PendingFile"]

#: Unfinished files that nobody has touched for so long are removed [s].
STALE_SECONDS = 24 * 3600.0
_NAME = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class PendingFile:
    """A complete file that has not been moved to its final place."""

    path: Path
    sha256: str
    bytes: int


class Objects:
    """Immutable files under ``sha256/aa/``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = folder / "parts"
        self._root = folder / "sha256"
        # What was hashed in this process, and how the file looked then: a file that still looks
        # the same need not be hashed again.
        self._checked: dict[str, tuple[int, ...]] = {}
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.parts.mkdir(exist_ok=True)
            self._root.mkdir(exist_ok=True)
        except OSError as error:
            raise self._words(error) from error
        self.sweep()

    def path(self, sha256: str) -> Path:
        """Return the path of the file with this content."""
        return self._root / sha256[:2] / f"{sha256}.parquet"

    @contextmanager
    def part(self, write: Callable[[Path], None]) -> Iterator[PendingFile]:
        """Write a temporary file, and delete it after the block unless it was settled."""
        path = self.parts / f"{uuid.uuid4().hex}.part"
        try:
            try:
                write(path)
                _sync(path)
                made = PendingFile(path, _hash(path), path.stat().st_size)
            except StellarnbError:
                raise
            except OSError as error:
                raise self._words(error) from error
            yield made
        finally:
            path.unlink(missing_ok=True)

    def settle(self, part: PendingFile, note: dict[str, Any]) -> None:
        """Write the note and move a file to its place; only one kernel may do so at a time."""
        target = self.path(part.sha256)
        try:
            target.parent.mkdir(exist_ok=True)
            self._add_note(part.sha256, note)
            part.path.replace(target)
            _sync(target.parent)
            with self._lock:
                self._checked[part.sha256] = _look(target)
        except OSError as error:
            raise self._words(error) from error

    def sound(self, sha256: str) -> bool:
        """Return whether a file exists and its content matches the sha256 in its name.

        It is read through at the first call in a process, and again whenever it has changed.
        """
        path = self.path(sha256)
        try:
            look = _look(path)
            with self._lock:
                if self._checked.get(sha256) == look:
                    return True
            if _hash(path) != sha256:
                return False
            with self._lock:
                self._checked[sha256] = look
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._words(error) from error
        return True

    def forget_checks(self) -> None:
        """Hash every file again before it is used."""
        with self._lock:
            self._checked.clear()

    def notes(self, sha256: str) -> list[dict[str, Any]]:
        """Return the notes of a file, the oldest first."""
        try:
            found = json.loads(self._note_path(sha256).read_text("utf-8"))
        except (OSError, ValueError):  # a lost note loses what it says of the file's origin only
            return []
        return [note for note in found if isinstance(note, dict)] if isinstance(found, list) else []

    def remove(self, sha256: str) -> None:
        """Delete a file and its notes, if they exist."""
        with self._lock:
            self._checked.pop(sha256, None)
        for path in (self.path(sha256), self._note_path(sha256)):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise self._words(error) from error

    def all(self) -> Iterator[str]:
        """Yield the sha256 of every file."""
        for path in sorted(self._root.glob("??/*.parquet")):
            if _NAME.fullmatch(path.stem) and path.parent.name == path.stem[:2]:
                yield path.stem

    def sweep(self, older_than: float = STALE_SECONDS) -> None:
        """Delete temporary files that a killed process has left."""
        limit = time.time() - older_than
        for part in self.parts.iterdir():
            try:
                if part.stat().st_mtime < limit:
                    part.unlink()
            except OSError:  # another kernel was quicker
                continue

    def _note_path(self, sha256: str) -> Path:
        return self.path(sha256).with_suffix(".json")

    def _add_note(self, sha256: str, note: dict[str, Any]) -> None:
        path = self._note_path(sha256)
        same = ("kind", "key", "scope")
        others = [old for old in self.notes(sha256) if any(old.get(k) != note.get(k) for k in same)]
        part = self.parts / f"{uuid.uuid4().hex}.part"
        try:
            part.write_text(json.dumps([*others, note], indent=1), "utf-8")
            _sync(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _words(self, error: OSError) -> OutputError:
        return OutputError(
            f"The cache {self.folder} cannot be used: {error.strerror or error}. Make room or "
            "rights there, or set STELLARNB_CACHE to another folder. What was stored before is "
            "untouched."
        )


def _look(path: Path) -> tuple[int, ...]:
    """Return the properties of a file that change whenever it is written."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Make sure that a file, or a folder's list of files, is on the disk."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folder
        return
    try:
        os.fsync(handle)
    except PermissionError:  # and syncs no file that is open for reading only
        pass
    finally:
        os.close(handle)
