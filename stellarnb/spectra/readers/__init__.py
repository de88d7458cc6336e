"""Files with spectra, of any of the surveys, to one `SpectrumSet`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from stellarnb.errors import GridMismatch, InvalidInput, StellarnbError
from stellarnb.spectra.instruments import Instrument
from stellarnb.spectra.readers.assemble import assemble
from stellarnb.spectra.readers.parsed import Parsed, Skipped
from stellarnb.spectra.readers.specutils_bridge import from_specutils, to_specutils
from stellarnb.spectra.readers.unpack import kind_of, load, members
from stellarnb.spectra.spectrum_set import SpectrumSet

if TYPE_CHECKING:
    from stellarnb.spectra.readers.fits_repeats import Repeats

__all__ = ["from_specutils", "read", "read_contents", "to_specutils"]

StrPath = str | os.PathLike[str]


def read(
    source: StrPath | Iterable[StrPath] | Any, instrument: str | Instrument | None = None
) -> SpectrumSet:
    """Read spectra from files.

    The kind of a file is recognised by its content, not by its name: Gaia RVS and XP from DataLink (CSV,
    ECSV, FITS, VOTable; one row a pixel or one row a star; the zip bundles), RAVE, APOGEE
    (apStar, aspcapStar), Gaia-ESO (ESO phase 3), GALAH (the four arms of a star are put
    together), any table of wavelength, flux and error, any one-dimensional FITS image. gzip is
    unpacked. The readers of RAVE, APOGEE, Gaia-ESO and GALAH follow the surveys' documentation:
    they have not been tried on real files.

    Parameters
    ----------
    source : path-like, iterable of path-like, or specutils.Spectrum
        The files; of one instrument and, but for GALAH, on one grid.
    instrument : str or Instrument, optional
        Needed where the file does not show it.

    Returns
    -------
    SpectrumSet
        All stars in the order of the files. Pixels that are NaN, or have no valid error, are
        masked. Where a file knows no Gaia source_id, ``source_id`` holds the number of the row
        (no real one is so small), ``names`` the survey's own identifiers, and
        ``provenance["rows_without_source_id"]`` counts them.

    Raises
    ------
    InvalidInput
        If a file is missing, empty, damaged or holds no spectrum, or if the instrument cannot be
        told; the message names the file.
    GridMismatch
        If files are on different grids, or not on that of the instrument.
    TooLarge
        If a file, unpacked, has more than 512 MiB.
    """
    if hasattr(source, "spectral_axis"):
        if instrument is None:
            raise InvalidInput(
                "A specutils Spectrum does not say its instrument: give instrument=."
            )
        return from_specutils(source, instrument)
    paths = [source] if isinstance(source, (str, os.PathLike)) else _paths(source)
    return read_contents(((load(path), PurePath(path).name) for path in paths), instrument)


def read_contents(
    files: Iterable[tuple[bytes, str]], instrument: str | Instrument | None = None
) -> SpectrumSet:
    """Read spectra from files that are in memory, such as an archive's answers."""
    found: list[tuple[str, Parsed]] = []
    skipped: list[str] = []
    parse = _Parser()
    for data, name in files:
        found += _parse_file(data, name, parse, skipped)
    try:
        spectra = assemble(found, instrument)
    except (InvalidInput, GridMismatch):
        raise
    except Exception as error:  # arrays of a damaged file can break anything
        raise _damaged(str(found[0][0]), error) from error
    if skipped:
        spectra.provenance["skipped"] = skipped
    return spectra


def _paths(source: Any) -> list[StrPath]:
    try:
        paths = list(source)
    except TypeError:
        paths = [source]
    if not paths or not all(isinstance(path, (str, os.PathLike)) for path in paths):
        raise InvalidInput("read takes the path of a file, or a list of paths; none was given.")
    return paths


def _parse_file(
    data: bytes, name: str, parse: _Parser, skipped: list[str]
) -> list[tuple[str, Parsed]]:
    """Return what one file, or each file of an archive, holds."""
    found: list[tuple[str, Parsed]] = []
    passed: list[str] = []
    label = name
    try:
        # The libraries warn of what a file does not keep to; what matters is checked here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for label, content in members(data, name):
                try:
                    found += [(label, part) for part in parse(content, label)]
                except Skipped as reason:
                    passed.append(f"{label}: {reason}")
    except StellarnbError as error:
        raise type(error)(f"{label}: {error}".removesuffix(".") + ".") from error
    except Exception as error:  # a damaged file can make a library raise anything
        raise _damaged(label, error) from error
    if not found:
        raise InvalidInput(f"No spectrum to read. {'; '.join(passed[:3])}.")
    skipped += passed
    return found


class _Parser:
    """Parses single files; each reader is imported where it is needed: astropy takes a while."""

    def __init__(self) -> None:
        self._fits: Repeats | None = None

    def __call__(self, data: bytes, label: str) -> list[Parsed]:
        """Return what a file holds."""
        kind = kind_of(data)
        if kind == "fits":
            if self._fits is None:
                from stellarnb.spectra.readers.fits_repeats import Repeats

                self._fits = Repeats()
            return self._fits.read(data, label)
        if kind == "votable":
            from stellarnb.spectra.readers.votable import read_votable

            return read_votable(data, label)
        from stellarnb.spectra.readers.text import read_text

        return read_text(data, label)


def _damaged(label: str, error: Exception) -> InvalidInput:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return InvalidInput(
        f"{label} is damaged or cut short ({reason}). Fetch it again, or check what it holds."
    )
