"""To and from the ``Spectrum`` of specutils, which is imported only here and when it is used."""

from __future__ import annotations

from typing import Any

import numpy as np

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.ids import as_source_ids
from stellarnb.spectra.instruments import Instrument
from stellarnb.spectra.readers.assemble import assemble
from stellarnb.spectra.readers.parsed import Parsed
from stellarnb.spectra.spectrum_set import SpectrumSet

__all__ = ["from_specutils", "to_specutils"]


def from_specutils(spectrum: Any, instrument: str | Instrument) -> SpectrumSet:
    """Turn a specutils ``Spectrum`` into a set.

    Parameters
    ----------
    spectrum : specutils.Spectrum
        With a flux of one or two dimensions. ``meta["source_id"]`` is taken as the identifiers,
        ``meta["names"]`` as the names.
    instrument : str or Instrument
        Whose it is; its medium (air or vacuum) is taken for that of the spectral axis.

    Returns
    -------
    SpectrumSet
        An uncertainty of any kind becomes standard deviations.

    Raises
    ------
    InvalidInput
        If the spectral axis is not a wavelength, or the arrays cannot be used.
    """
    from astropy import units as u

    try:
        wavelength = np.atleast_1d(spectrum.spectral_axis.to_value("Angstrom"))
    except (u.UnitConversionError, AttributeError) as error:
        raise InvalidInput(
            "The spectral axis is not in units of length. Convert it first: "
            "spectrum.with_spectral_axis_unit('nm')."
        ) from error
    flux = np.atleast_2d(spectrum.flux.value)
    deviation = None
    if spectrum.uncertainty is not None:
        from astropy.nddata import StdDevUncertainty

        deviation = np.atleast_2d(spectrum.uncertainty.represent_as(StdDevUncertainty).array)
    mask = None if spectrum.mask is None else np.atleast_2d(np.asarray(spectrum.mask, dtype=bool))
    if len(wavelength) > 1 and wavelength[0] > wavelength[-1]:
        wavelength, flux = wavelength[::-1], flux[:, ::-1]
        deviation = None if deviation is None else deviation[:, ::-1]
        mask = None if mask is None else mask[:, ::-1]
    meta = dict(spectrum.meta or {})
    ids = meta.get("source_id")
    part = Parsed(
        flux,
        wavelength,
        deviation,
        mask,
        None if ids is None else as_source_ids(ids),
        [str(name) for name in np.atleast_1d(meta["names"])] if "names" in meta else None,
        None,
        "Angstrom",
    )
    return assemble([("The spectrum", part)], instrument)


def to_specutils(spectra: SpectrumSet) -> Any:
    """Turn a set into a specutils ``Spectrum``.

    Parameters
    ----------
    spectra : SpectrumSet
        n spectra.

    Returns
    -------
    specutils.Spectrum
        Its flux has n rows; ``meta`` carries ``source_id``, ``names``, ``instrument`` and
        ``medium``.

    Raises
    ------
    MissingInput
        If specutils is not installed.
    """
    try:
        from specutils import Spectrum
    except ImportError as error:
        raise MissingInput(
            "specutils 2 is not installed: run 'pip install specutils', then try again."
        ) from error
    from astropy import units as u
    from astropy.nddata import StdDevUncertainty

    unit = u.Unit(spectra.instrument.flux_unit)
    meta = {
        "source_id": spectra.source_id,
        "instrument": spectra.instrument.id,
        "medium": spectra.instrument.medium,
    }
    if spectra.names is not None:
        meta["names"] = spectra.names
    return Spectrum(
        flux=u.Quantity(spectra.flux, unit),
        spectral_axis=spectra.wavelength,
        uncertainty=None if spectra.error is None else StdDevUncertainty(spectra.error),
        mask=spectra.mask,
        meta=meta,
    )
