"""Synthetic spectra of given stars, as a survey would deliver them: with its noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.ids import as_source_ids
from stellarnb.models.synthetic.emulator import Emulator, load_emulator
from stellarnb.models.synthetic.relations import CORE
from stellarnb.spectra import Instrument, SpectrumSet, get_instrument
from stellarnb.spectra.noise import Interpolation
from stellarnb.tables.convert import as_arrow, column_to_numpy

__all__ = ["synthesize"]


def synthesize(
    labels: Any,
    instrument: str = "gaia-rvs",
    *,
    snr: ArrayLike | None = None,
    vsini: float = 0.0,
    vmac: float = 0.0,
    velocity: float = 0.0,
    resolution: float | None = None,
    seed: int = 0,
) -> SpectrumSet:
    """Return synthetic spectra of given labels at a given S/N.

    Spectra of the emulator of the instrument's window (1D LTE; see ``load_emulator(instrument)``),
    broadened, on the instrument's grid, with noise as its detector has it: white on the
    detector's samples, and therefore shared by neighbouring pixels where the delivered grid is
    finer (Gaia RVS). No flaws of a real survey else: no gaps, no error of the continuum.

    Parameters
    ----------
    labels : table or mapping of str to array_like
        n stars with ``teff`` [K], ``logg``, ``fe_h`` and any further label of the emulator; those
        that are absent are at what stars with such labels have in the mean. In a mapping a single
        number stands for all stars. Other columns do not matter, but for ``source_id``, which the
        spectra then carry; else they carry running numbers.
    instrument : {"gaia-rvs", "rave", "giraffe-hr15n"}, optional
        Whose spectra.
    snr : float or array_like, shape [n], optional
        Signal to noise of a detector sample at the continuum; no noise and no errors where not
        given.
    vsini, vmac, velocity : float, optional
        Rotation, radial-tangential macroturbulence, radial velocity that is left [km/s].
    resolution : float, optional
        R, where it is not the instrument's own.
    seed : int, optional
        The noise depends on it and on the source_id alone, so a subset gets the same.

    Returns
    -------
    SpectrumSet
        n spectra. ``provenance["synthetic"]`` is True; ``["outside"]`` lists the rows of which
        a label lies outside of the emulator's limits, ``["sparse"]`` those that no synthetic node
        is near.

    Raises
    ------
    InvalidInput
        For an unknown instrument, labels that are not finite, or a S/N that is not positive.
    MissingInput
        If teff, logg or fe_h is absent.

    Examples
    --------
    >>> sun = {"teff": [5772], "logg": [4.44], "fe_h": [0.0]}
    >>> synthesize(sun, "gaia-rvs", snr=20)
    <SpectrumSet: 1 Gaia RVS mean spectrum, 846-870 nm>
    """
    wanted, emulator = get_instrument(instrument), load_emulator(instrument)
    given, names = _read(labels, emulator)
    out = emulator.spectra(
        given,
        instrument,
        vsini=vsini,
        vmac=vmac,
        velocity=velocity,
        resolution=resolution,
    )
    if names is not None:
        out.source_id = names
    out.provenance |= {"synthetic": True, "credits": list(emulator.card.credits)}
    if snr is not None:
        power = _signal_to_noise(snr, len(out))
        _add_noise(out, power, wanted, seed)
        out.provenance |= {"noise_seed": seed, "detector_step": wanted.detector_step}
    return out


def _read(
    labels: Any, emulator: Emulator
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64] | None]:
    """Return the emulator's labels among the columns, and the identifiers if there are any."""
    if isinstance(labels, Mapping):
        lengths = [len(np.atleast_1d(values)) for values in labels.values()]
        n = max((length for length in lengths if length != 1), default=1)
        labels = {
            key: np.repeat(np.atleast_1d(values), n if length == 1 else 1)
            for (key, values), length in zip(labels.items(), lengths, strict=True)
        }
    arrow = as_arrow(labels)
    absent = [name for name in CORE if name not in arrow.column_names]
    if absent:
        raise MissingInput(
            f"No {', '.join(absent)} here, without which there is no spectrum; the columns are: "
            f"{', '.join(arrow.column_names)}."
        )
    chosen = [name for name in emulator.names if name in arrow.column_names]
    given = {name: arrow[name].cast("float64", safe=False).to_numpy() for name in chosen}
    for name, values in given.items():
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise InvalidInput(
                f"{name} is not known in {len(bad)} rows (the first is row {bad[0]}): leave such "
                "stars out, or the column."
            )
    if "source_id" not in arrow.column_names:
        return given, None
    return given, as_source_ids(column_to_numpy(arrow["source_id"]))


def _signal_to_noise(snr: ArrayLike, n: int) -> NDArray[np.float64]:
    power = np.asarray(snr, dtype=np.float64)
    if power.shape not in {(), (n,)} or not np.all(np.isfinite(power) & (power > 0)):
        raise InvalidInput(f"snr: a positive number is needed, or {n} of them.")
    return np.broadcast_to(power, (n,))


def _add_noise(
    spectra: SpectrumSet, snr: NDArray[np.float64], instrument: Instrument, seed: int
) -> None:
    """Give noiseless spectra noise of 1 / S/N of the continuum, and errors."""
    if seed < 0:
        raise InvalidInput(f"seed is {seed}; 0 or a positive number is needed.")
    step = instrument.detector_step or instrument.step
    detector = Interpolation.of(instrument.n_pix, step / instrument.step)
    error = (1.0 / snr).astype(np.float32)
    for row, name in enumerate(spectra.source_id):
        rng = np.random.default_rng([seed, int(name) % 2**63])
        spectra.flux[row] += error[row] * detector.draw(rng, 1)[0]
    spectra.error = np.repeat(error[:, None], instrument.n_pix, axis=1)
