"""Many stars: each one kept as soon as it is done, so that a killed run goes on where it was."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import ArrayLike, NDArray

from stellarnb.errors import Interrupted, InvalidInput
from stellarnb.files import atomic_write, make_folder
from stellarnb.progress import progress_bar
from stellarnb.training.synthesis.engine import TIME_LIMIT, Counts, Synthesis
from stellarnb.training.synthesis.recipe import LABELS, SynthesisWindow
from stellarnb.training.synthesis.tools import Tools

__all__ = ["Results", "make_nodes", "synthesise"]

Labels = NDArray[np.float32]


@dataclass(frozen=True)
class Results:
    """What came of a run."""

    rows: NDArray[np.int64]  #: [n]: which of the stars that were asked for are made, in their order
    flux: Counts  #: [n, n_pixels]: their continuum-normalised flux x 50,000
    failed: dict[int, str]  #: Why each of the others is not


def synthesise(
    labels: ArrayLike,
    window: SynthesisWindow,
    make: Callable[[NDArray[np.floating]], Counts],
    parts: Path,
    *,
    workers: int = 1,
    show: bool = False,
) -> Results:
    """Make the spectra of many stars.

    labels [n, 14]: in the order of `LABELS`.
    """
    stars = _as_labels(labels)
    if workers < 1:
        raise InvalidInput(f"{workers} workers: at least one is needed.")
    _claim(parts, stars, window)
    done = {i: flux for i in range(len(stars)) if (flux := _read(parts, i, window)) is not None}
    failed: dict[int, str] = {}
    to_do = [i for i in range(len(stars)) if i not in done]
    pool = ThreadPoolExecutor(workers)  # threads, because each only waits for a program
    try:
        work = {pool.submit(_make_one, stars[i], make, _part(parts, i)): i for i in to_do}
        with progress_bar(len(to_do), f"synthesis {window.name}", show=show) as advance:
            for future in as_completed(work):
                outcome = future.result()
                if isinstance(outcome, str):
                    failed[work[future]] = outcome
                else:
                    done[work[future]] = outcome
                advance(1)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"Stopped; {len(done)} of {len(stars)} stars are done and kept in {parts}. "
            "The same command goes on from there."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
    rows = np.array(sorted(done), dtype=np.int64)
    flux = np.empty((len(rows), window.n_pixels), np.uint16)
    for k, i in enumerate(rows):
        flux[k] = done.pop(int(i))
    return Results(rows, flux, dict(sorted(failed.items())))


def _as_labels(labels: ArrayLike) -> Labels:
    stars = np.asarray(labels)
    if stars.ndim != 2 or stars.shape[1] != len(LABELS) or stars.dtype.kind not in "fiu":
        raise InvalidInput(
            f"Labels must be numbers [n, {len(LABELS)}] in the order {', '.join(LABELS)}; got "
            f"{stars.dtype} {list(stars.shape)}."
        )
    if not len(stars):
        raise InvalidInput("The table of labels is empty: at least one star is needed.")
    return stars.astype(np.float32)


def _make_one(
    labels: Labels, make: Callable[[NDArray[np.floating]], Counts], path: Path
) -> Counts | str:
    """Return a star's spectrum, kept on disk, or the reason why there is none."""
    try:
        flux = make(labels)
    except InvalidInput as error:
        return str(error)
    with atomic_write(path) as part, part.open("wb") as stream:
        np.save(stream, flux, allow_pickle=False)
    return flux


def _part(parts: Path, i: int) -> Path:
    return parts / f"{i:06d}.npy"


def _read(parts: Path, i: int, window: SynthesisWindow) -> Counts | None:
    """Return a star that was kept, or None where there is none that is whole."""
    try:
        flux = np.load(io.BytesIO(_part(parts, i).read_bytes()), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    whole = flux.shape == (window.n_pixels,) and flux.dtype == np.uint16
    return flux if whole else None


def _claim(parts: Path, stars: Labels, window: SynthesisWindow) -> None:
    """Note whose parts these are; refuse a folder with those of other stars."""
    path = make_folder(parts) / "labels.npz"
    if path.is_file():
        try:
            old = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
            same = str(old["window"]) == window.name and np.array_equal(
                old["labels"], stars, equal_nan=True
            )
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            same = False
        if not same:
            raise InvalidInput(
                f"{parts} holds the parts of other stars or of another window. Give another "
                "--out, the same labels or seed as before, or delete that folder."
            )
        return
    with atomic_write(path) as part, part.open("wb") as stream:
        np.savez(stream, labels=stars, window=np.array(window.name))


def make_nodes(
    labels: ArrayLike,
    window: SynthesisWindow,
    tools: Tools,
    out: Path,
    *,
    workers: int | None = None,
    time_limit: float = TIME_LIMIT,
    show: bool = True,
) -> Results:
    """Make nodes and write them to a file.

    labels [n, 14]: in the order of `LABELS`.
    """
    stars = _as_labels(labels)
    if out.suffix != ".npz":
        raise InvalidInput(f"--out {out}: the file of nodes must end with .npz.")
    parts = out.with_name(f"{out.name}.parts")
    if out.exists() and not parts.exists():
        raise InvalidInput(f"{out} is there already, and whole. Give another --out.")
    make_folder(out.parent)
    with _alone(make_folder(parts)), _scratch_folder(parts) as scratch:
        make = Synthesis.prepare(tools, window, scratch, time_limit)
        results = synthesise(
            stars, window, make, parts, workers=cores() if workers is None else workers, show=show
        )
        _write(stars, window, results, out)
    if not results.failed:
        # Renamed first: a kill between two files must not look like a run to go on with.
        spent = parts.with_name(f".{parts.name}")
        shutil.rmtree(spent, ignore_errors=True)
        shutil.rmtree(parts.rename(spent), ignore_errors=True)
    return results


def cores() -> int:
    """Return how many processes may run at a time."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _alone(parts: Path) -> Iterator[None]:
    lock = FileLock(parts / "in use.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InvalidInput(
            f"Another run is writing to {parts}. Wait for it, or give another --out."
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _scratch_folder(parts: Path) -> Iterator[Path]:
    """Give a folder for temporary files, without those that a killed run left."""
    folder = parts / "scratch"
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(stars: Labels, window: SynthesisWindow, results: Results, out: Path) -> None:
    listing = out.with_name(f"{out.name}.failed.jsonl")
    listing.unlink(missing_ok=True)
    if results.failed:
        with atomic_write(listing) as part, part.open("w", encoding="utf-8") as stream:
            for i, reason in results.failed.items():
                row = {"star": i, "reason": reason, "labels": stars[i].tolist()}
                stream.write(f"{json.dumps(row)}\n")
    if not len(results.rows):
        raise InvalidInput(
            f"None of the {len(stars)} stars could be made; {listing} gives the reason for each. The "
            f"first: {next(iter(results.failed.values()))}"
        )
    with atomic_write(out) as part, part.open("wb") as stream:
        np.savez_compressed(
            stream,
            labels=stars[results.rows],
            names=np.array(LABELS),
            wavelength=window.wavelength,
            flux=results.flux,
        )
