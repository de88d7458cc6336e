"""Fitting synthetic spectra to observed ones: the standard method, beside the networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stellarnb import __version__
from stellarnb.errors import Interrupted, InvalidInput
from stellarnb.models.backends.loop import in_chunks
from stellarnb.models.fitting.prior import Prior, unfit_pixels
from stellarnb.models.fitting.settings import FitSettings
from stellarnb.models.fitting.table import LEVELS, VARIATION, columns_of, describe
from stellarnb.models.inputs.pixels import clean_pixels
from stellarnb.models.synthetic.emulator import Emulator, load_emulator
from stellarnb.models.synthetic.instrument import ROTATION
from stellarnb.progress import Cancel
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.spectra.line_spread import convert_wavelength
from stellarnb.tables import Labels

if TYPE_CHECKING:
    from torch import Tensor

    from stellarnb.models.fitting.window import EmulatorView

__all__ = ["fit_spectra"]

#: Stars that are fitted side by side.
BATCH = 64
#: S/N that is taken where a spectrum has no errors and too little to tell.
LEAST_SNR = 1.0
#: Continuum terms may reach so far from a constant 1.
TERM_LIMIT = 1.0


def fit_spectra(
    spectra: SpectrumSet,
    labels: Sequence[str] = ("teff", "logg", "fe_h", "alpha_m"),
    *,
    held: Mapping[str, ArrayLike] | None = None,
    vsini: float | None = None,
    vmac: float = 0.0,
    velocity_limit: float = 15.0,
    continuum: int = 2,
    mask_cores: bool = True,
    resolution: float | None = None,
    floor: bool = True,
    progress: bool = True,
    cancel: Cancel | None = None,
) -> Labels:
    """Fit synthetic spectra by least squares, with errors from the curvature.

    The model is an emulator of 1D LTE spectra, seen through the instrument, times a polynomial.
    All labels of the emulator vary. Those in `labels` are decided by the spectrum alone (so are
    teff, logg and fe_h); the others are held near what nodes of such a star have, within their
    scatter there, and the errors hold their share.

    Parameters
    ----------
    spectra : SpectrumSet
        n continuum-normalised spectra on the grid of ``gaia-rvs``, ``rave`` or
        ``giraffe-hr15n``, at rest to within `velocity_limit`.
    labels : sequence of str, optional
        Which labels to return; see ``snb.models.load_emulator(...).names``.
    held : mapping of str to array_like, optional
        Labels known from elsewhere (such as logg), shape [n] or one number each.
    vsini : float, optional
        Projected rotation [km/s]; default: fitted, 0 to 60.
    vmac : float, optional
        Radial-tangential macroturbulence [km/s].
    velocity_limit : float, optional
        Largest radial velocity [km/s] that may be left in a spectrum; 0 fits none. At most 60.
    continuum : int, optional
        Degree of the polynomial (0-8).
    mask_cores : bool, optional
        Whether the cores of Ca II and Halpha, which LTE gets wrong, are left out.
    resolution : float, optional
        R, where it is not the instrument's own.
    floor : bool, optional
        Whether the errors hold what real stars differ by from the synthesis, as the card has it.
    progress : bool, optional
        Whether to show a progress bar.
    cancel : Cancel, optional
        Stops the work between two batches.

    Returns
    -------
    Labels
        n rows. Errors are those of the curvature times the square root of ``noise``, the power
        of the residuals at the width of a line in units of the stated errors: it takes in noise
        that neighbouring pixels share and flaws of the synthesis. ``<label>_flag`` is True where
        a label stopped at a limit of the emulator, ``at_bound`` names what stopped where.
        ``chi2`` is the reduced one by the errors as given; ``good`` needs everything within
        limits: labels, velocity, continuum, novelty at most 1.

    Raises
    ------
    InvalidInput
        For an unknown label or instrument, or a setting that makes no sense.
    GridMismatch
        If the spectra are not on their instrument's grid.
    Interrupted
        On Ctrl-C or `cancel`; its ``partial`` has the rows that were finished.
    """
    if not isinstance(spectra, SpectrumSet):
        raise InvalidInput(
            f"fit_spectra takes a SpectrumSet, not {type(spectra).__name__}. Make one with snb.read "
            "or archive.spectra."
        )
    emulator = load_emulator(spectra.instrument.id)
    spectra.check_grid(get_instrument(spectra.instrument.id))
    settings = FitSettings(
        tuple(labels), vsini, vmac, velocity_limit, continuum, mask_cores, resolution, floor
    )
    known = _check(settings, emulator, held or {}, len(spectra))
    window = _window(spectra.instrument.id, resolution, vmac)

    def work(rows: slice) -> dict[str, Any]:
        some = {name: values[rows] for name, values in known.items()}
        # Many small products: PyTorch's threads would mostly wait for each other.
        with _one_thread():
            return _fit(spectra[rows], window, settings, some)

    parts, complete = in_chunks(
        len(spectra), work, label="fit", progress=progress, cancel=cancel, chunk=BATCH
    )
    chunks = parts or [work(slice(0, 0))]
    columns = {name: np.concatenate([part[name] for part in chunks]) for name in chunks[0]}
    units, descriptions = describe(emulator, settings.labels)
    provenance = _provenance(emulator, settings, spectra, sorted(known))
    result = Labels(columns, units=units, descriptions=descriptions, provenance=provenance)
    if not complete:
        raise Interrupted(
            f"Stopped after {len(result)} of {len(spectra)} stars; they are in the error's "
            "partial.",
            result,
        )
    return result


def _provenance(
    emulator: Emulator, settings: FitSettings, spectra: SpectrumSet, held: list[str]
) -> dict[str, Any]:
    """Return how the labels of a fit came about."""
    return {
        "model": f"fit with {emulator.card.display_name}",
        "version": emulator.card.version,
        "sha256": emulator.card.sha256,
        "trained_on": emulator.card.trained_on,
        "stellarnb": __version__,
        "flux_errors": "given"
        if spectra.error is not None
        else "none, noise estimated from the scatter between pixels",
        "free": [*settings.labels],
        "held": held,
        "vsini": "fitted" if settings.vsini is None else settings.vsini,
        "vmac": settings.vmac,
        "continuum_degree": settings.continuum,
        "cores_masked": settings.mask_cores,
        "error_floor": settings.floor,
        "limits": {"velocity": settings.velocity_limit, "level": LEVELS, "variation": VARIATION},
        "spectra": spectra.provenance,
        "credits": list(emulator.card.credits),
        "citation": list(emulator.card.citation),
    }


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let PyTorch use a single thread meanwhile."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@lru_cache(maxsize=4)
def _window(instrument: str, resolution: float | None, vmac: float) -> EmulatorView:
    from stellarnb.models.fitting.window import EmulatorView

    return EmulatorView(load_emulator(instrument), get_instrument(instrument), resolution, vmac)


def _check(
    settings: FitSettings, emulator: Emulator, held: Mapping[str, ArrayLike], n: int
) -> dict[str, NDArray[np.float64]]:
    """Refuse settings that make no sense; return the held labels, [n] each."""
    unknown = [name for name in (*settings.labels, *held) if name not in emulator.names]
    if unknown or not settings.labels:
        raise InvalidInput(
            f"Cannot fit {', '.join(unknown) or 'no label at all'}; {emulator.card.name} has: "
            f"{', '.join(emulator.names)}."
        )
    if settings.vsini is not None and not 0 <= settings.vsini <= ROTATION[-1]:
        raise InvalidInput(
            f"vsini is {settings.vsini}; give 0 to {ROTATION[-1]:g} km/s, or None to fit it."
        )
    if not 0 <= settings.velocity_limit <= 60:
        raise InvalidInput(f"velocity_limit is {settings.velocity_limit}; give 0 to 60 km/s.")
    if settings.continuum not in range(9):
        raise InvalidInput(f"continuum is {settings.continuum}; a degree from 0 to 8 is needed.")
    out = {}
    for name, values in held.items():
        array = np.asarray(values, dtype=np.float64)
        if array.shape not in {(), (n,)}:
            raise InvalidInput(f"held[{name!r}] has shape {array.shape}; give {n} values, or one.")
        low, high = emulator.limits[emulator.names.index(name)]
        if not np.all((array >= low) & (array <= high)):
            raise InvalidInput(f"held[{name!r}] must lie within {low:g} to {high:g}.")
        out[name] = np.broadcast_to(array, (n,))
    return out


def _fit(
    spectra: SpectrumSet,
    window: EmulatorView,
    settings: FitSettings,
    held: Mapping[str, NDArray[np.float64]],
) -> dict[str, Any]:
    """Return the columns of one batch."""
    import torch

    from stellarnb.models.fitting.solver import FitTask, Solver

    pixels = clean_pixels(spectra)
    instrument = spectra.instrument
    grid = spectra.wavelength.value
    air = convert_wavelength(grid, instrument.unit, instrument.medium, "Angstrom", "air")
    usable = pixels.usable & ~unfit_pixels(air, mask_cores=settings.mask_cores)[None]
    error = spectra.error
    if error is None:
        noise = 1.0 / np.maximum(spectra.snr, LEAST_SNR)
        error = np.repeat(noise[:, None], len(grid), axis=1).astype(np.float32)
    usable &= pixels.alive[:, None]
    precision = np.where(usable, 1.0 / np.where(usable, error, 1.0) ** 2, 0.0)
    width = np.median(grid / spectra.resolution) / np.median(np.diff(grid))
    task = FitTask(
        torch.from_numpy(np.where(usable, pixels.flux, 0.0).astype(np.float32)),
        torch.from_numpy(precision.astype(np.float32)),
        *_limits(window.emulator, settings),
        _polynomials(len(grid), settings.continuum),
        Prior(window.emulator, settings.labels, held),
        None if settings.vsini is None else settings.vsini**2,
        lags=max(1, round(float(width))),
    )
    fit = Solver(window, task).run()
    return columns_of(spectra, window.emulator, settings, task, fit, usable, error)


def _limits(
    emulator: Emulator, settings: FitSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ends = np.sort(emulator.scale(emulator.limits.T), axis=0)
    speed = settings.velocity_limit
    turn = (0.0, ROTATION[-1] ** 2) if settings.vsini is None else (settings.vsini**2,) * 2
    terms = np.full(settings.continuum + 1, TERM_LIMIT)
    centre = np.eye(1, len(terms))[0]
    low = np.concatenate([ends[0], [-speed, turn[0]], centre - terms])
    high = np.concatenate([ends[1], [speed, turn[1]], centre + terms])
    return low, high


def _polynomials(n_pix: int, degree: int) -> Tensor:
    import torch

    x = np.linspace(-1.0, 1.0, n_pix)
    return torch.from_numpy(np.polynomial.chebyshev.chebvander(x, degree).T.astype(np.float32))
