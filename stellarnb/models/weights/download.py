"""Published files: from a mirror, from the cache, or from the authors' repository."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stellarnb.errors import ChecksumMismatch, Interrupted, OutputError, WeightsNotFound
from stellarnb.files import atomic_write, make_folder
from stellarnb.models.card import Card, SourceFile
from stellarnb.progress import progress_bar
from stellarnb.settings import settings

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "FORMAT",
    "Conversion",
    "converted_path",
    "load_converted",
    "model_folder",
    "read_sources",
    "source_folder",
    "whereabouts",
]

#: Seconds without an answer after which a connection counts as dead.
TIMEOUT = 30.0
#: How often a download that failed is tried again.
RETRIES = 2


def model_folder(card: Card) -> Path:
    """Return the folder of the cache that belongs to a model."""
    return settings().cache / "models" / card.name


def source_folder(card: Card) -> Path:
    """Return the folder of the cache in which the published files of a model lie."""
    return model_folder(card) / "sources"


def read_sources(
    card: Card, sources: Sequence[SourceFile] | None = None, *, progress: bool = True
) -> dict[str, bytes]:
    """Return published files, checked by sha256, by their path on the card.

    Searched in ``STELLARNB_MIRROR`` (recursively), then the cache, then downloaded from the pinned
    address into the cache.
    """
    wanted = card.sources if sources is None else sources
    mirrored = _mirrored(wanted)
    found: dict[str, bytes] = {}
    absent = []
    for source in wanted:
        places = [*mirrored[source.path], source_folder(card) / source.path]
        data = next((d for d in (_checked(p, source) for p in places) if d is not None), None)
        if data is None:
            absent.append(source)
        else:
            found[source.path] = data
    if absent:
        if settings().offline:
            raise WeightsNotFound(
                f"{card.name}: STELLARNB_OFFLINE is set and {_words(card, absent)}"
            )
        _download(card, absent, progress=progress)
        for source in absent:
            data = _checked(source_folder(card) / source.path, source)
            if data is None:
                raise WeightsNotFound(
                    f"{card.name}: the cache changed while it was read; {_words(card, [source])}"
                )
            found[source.path] = data
    return found


def _mirrored(sources: Sequence[SourceFile]) -> Mapping[str, list[Path]]:
    """Return the files of the mirrors that have the name of a source, by its path on the card."""
    names = {Path(source.path).name: source.path for source in sources}
    places: dict[str, list[Path]] = {source.path: [] for source in sources}
    for mirror in settings().mirrors:
        for folder, _, files in os.walk(mirror):
            for name in names.keys() & set(files):
                places[names[name]].append(Path(folder) / name)
    return places


def _checked(path: Path, source: SourceFile) -> bytes | None:
    """Return the bytes of a file if they are the published ones, else None."""
    try:
        # The size first: a device or a huge file of this name is not read at all.
        if not path.is_file() or path.stat().st_size != source.size:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == source.sha256 else None


def _download(card: Card, sources: Sequence[SourceFile], *, progress: bool) -> None:
    """Download files into the cache; each arrives whole and checked, or not at all."""
    import pooch
    from requests import RequestException

    folder = make_folder(source_folder(card))
    fetcher = pooch.create(
        path=folder,
        base_url=f"{card.source_url.rstrip('/')}/",
        registry={s.path: f"sha256:{s.sha256}" for s in card.sources},
        retry_if_failed=RETRIES,
    )
    total = sum(source.size for source in sources)
    with _quiet(), progress_bar(total, f"{card.name}: download", show=progress, unit="B") as tick:
        for source in sources:
            try:
                fetcher.fetch(source.path, downloader=_downloader(source.size))
            except KeyboardInterrupt as stop:
                raise Interrupted(
                    f"Stopped while {source.path} was being downloaded; what had arrived before "
                    "stays. Run it again to go on."
                ) from stop
            except RequestException as error:
                raise WeightsNotFound(
                    f"{card.name}: the download failed ({_short(error)}). {_words(card, [source])}"
                ) from error
            except ValueError as error:  # pooch's word for a wrong checksum
                raise ChecksumMismatch(
                    f"{card.name}: what {_url(card, source)} gives is not the published file "
                    f"(expected sha256 {source.sha256}). Nothing of it was kept; a proxy or a "
                    "login page may have answered instead. Try again, or get the file elsewhere "
                    f"and put it in {source_folder(card) / source.path}."
                ) from error
            except OSError as error:
                reason = error.strerror or str(error)
                raise OutputError(
                    f"{card.name}: {source.path} cannot be written to {folder}: {reason}. Make "
                    "room, or choose another folder with STELLARNB_CACHE."
                ) from error
            tick(source.size)


def _downloader(size: int) -> Callable[[str, str, object], None]:
    """Return what pooch calls to download a file of so many bytes: no more are taken."""

    def download(url: str, path: str, _: object) -> None:
        import requests

        seen = 0
        with (
            requests.get(url, stream=True, timeout=TIMEOUT) as answer,
            Path(path).open("wb") as out,
        ):
            answer.raise_for_status()
            for block in answer.iter_content(2**16):
                seen += len(block)
                if seen > size:
                    raise ValueError("more bytes than the file has")
                out.write(block)

    return download


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep pooch from a line of log for each file: the progress bar says it."""
    import pooch

    logger = pooch.get_logger()
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _url(card: Card, source: SourceFile) -> str:
    return f"{card.source_url.rstrip('/')}/{source.path}"


def _short(error: Exception) -> str:
    """Return the gist of a network error, whose own text can fill a screen."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:200]}{'…' if len(words) > 200 else ''}"


def _words(card: Card, absent: Sequence[SourceFile]) -> str:
    """Say which files are missing, where they are published and where to put them."""
    folder = source_folder(card)
    count = "1 file is" if len(absent) == 1 else f"{len(absent)} files are"
    what_to_do = (
        f"{count} missing. Put each in its place (or all in a folder named by STELLARNB_MIRROR) "
        "and run it again:"
    )
    lines = [what_to_do]
    lines += [f"  {_url(card, source)}\n    -> {folder / source.path}" for source in absent]
    for mirror in settings().mirrors:
        if not mirror.is_dir():
            lines.append(f"STELLARNB_MIRROR names {mirror}, which is not a folder.")
    others = [path for paths in _mirrored(absent).values() for path in paths]
    if others:
        lines.append(f"{others[0]} has the right name, but is not the published file.")
    return "\n".join(lines)


#: Raised whenever a conversion gives other tensors than before; older files are then made anew.
FORMAT = 1
#: Seconds to wait for another process that fetches the same model.
LOCK_TIMEOUT = 600.0

#: Makes the tensors of a weights file from the bytes of the card's sources.
Conversion = Callable[[Card, Mapping[str, bytes]], "dict[str, Tensor]"]


def converted_path(card: Card) -> Path:
    """Return where the converted weights of a fetched model lie; a JSON of that name is beside."""
    return model_folder(card) / card.weights


def whereabouts(card: Card) -> str:
    """Return a sentence on where the weights of a model are: in the package, fetched, or to fetch."""
    if not card.sources:
        return "in the package"
    if _cached(card) is not None:
        return "fetched"
    return f"to fetch ({sum(source.size for source in card.sources) / 1e6:.0f} MB)"


def load_converted(card: Card, convert: Conversion, *, progress: bool = True) -> dict[str, Tensor]:
    """Return the tensors of a fetched model, converted anew where the cache has none.

    The cache serves if made from these sources by this version; one process at a time.
    """
    from filelock import FileLock, Timeout
    from safetensors.torch import load, save

    data = _cached(card)
    if data is None:
        folder = make_folder(model_folder(card))
        try:
            with FileLock(folder / ".lock", timeout=LOCK_TIMEOUT):
                data = _cached(card)  # another process may have been first
                if data is None:
                    tensors = convert(card, read_sources(card, progress=progress))
                    data = save({k: v.contiguous() for k, v in tensors.items()})
                    _store(card, data)
        except Timeout as error:
            raise WeightsNotFound(
                f"{card.name}: another process has been fetching it for {LOCK_TIMEOUT:.0f} s. "
                f"If there is none, remove {folder / '.lock'} and run it again."
            ) from error
    loaded: dict[str, Tensor] = load(data)
    return loaded


def _record(card: Card, data: bytes) -> dict[str, object]:
    """Return what the JSON beside the weights says."""
    return {
        "format": FORMAT,
        "sources": {source.path: source.sha256 for source in card.sources},
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _store(card: Card, data: bytes) -> None:
    path = converted_path(card)
    with atomic_write(path) as part:
        part.write_bytes(data)
    with atomic_write(path.with_suffix(".json")) as part:
        part.write_text(json.dumps(_record(card, data), indent=1), encoding="utf-8")


def _cached(card: Card) -> bytes | None:
    """Return the bytes of the converted weights, or None if they have to be made."""
    path = converted_path(card)
    try:
        data = path.read_bytes()
        record = json.loads(path.with_suffix(".json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return data if record == _record(card, data) else None
