"""How well fits find the labels of held-out nodes again, through the instrument and noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.fitting.api import fit_spectra
from stellarnb.models.synthetic.emulator import load_emulator
from stellarnb.models.synthetic.instrument import response
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.tables.compare import robust_sigma
from stellarnb.training.emulate.recipe import Nodes

__all__ = ["evaluate_fits", "noisy_nodes"]

#: Held-out nodes outside of this are not what the instruments' stars are like, and lie where the
#: synthesis is known to be bad: Teff above [K], [Fe/H] above.
DOMAIN = (4200.0, -2.0)
#: Bounds bend errors: a star counts if its true label is so many errors away from them.
CLEAR = 1.0


def noisy_nodes(
    nodes: Nodes, instrument: str, snr: float, n: int, seed: int = 0
) -> tuple[NDArray[np.float64], SpectrumSet]:
    """Return held-out nodes (not emulated) as an instrument would deliver them.

    Returns labels [n, n_labels].
    """
    wanted = get_instrument(instrument)
    inside = (nodes.labels[:, 0] > DOMAIN[0]) & (nodes.labels[:, 2] > DOMAIN[1])
    rows = np.resize(np.flatnonzero(nodes.held_out & inside), n)
    flux = (response(nodes.wavelength, wanted) @ nodes.flux[rows].T.astype(np.float64)).T
    step = wanted.detector_step or wanted.step
    at = np.arange(wanted.n_pix) * wanted.step / step
    left = np.floor(at + 1e-9).astype(np.int64)
    white = np.random.default_rng(seed).standard_normal((n, left[-1] + 2))
    part = at - left
    noise = (1 - part) * white[:, left] + part * white[:, left + 1]
    error = np.full(flux.shape, 1.0 / snr)
    spectra = SpectrumSet(
        np.arange(n), wanted.wavelength, flux + noise / snr, error, None, instrument
    )
    return nodes.labels[rows].astype(np.float64), spectra


def evaluate_fits(
    nodes: Nodes,
    instrument: str,
    labels: Sequence[str],
    *,
    snrs: Sequence[float] = (20.0, 50.0, 100.0),
    n: int = 450,
) -> list[dict[str, Any]]:
    """Fit noisy held-out nodes.

    Returns ``label, snr, n, bias, sigma, pull, stopped``: median and 1.4826 MAD of (label - true),
    1.4826 MAD of (label - true) / error without the card's floor, over stars whose true label lies
    an error or more inside the limits; and the part of these that stopped at one.
    """
    emulator = load_emulator(instrument)
    rows = []
    for snr in snrs:
        truth, spectra = noisy_nodes(nodes, instrument, snr, n)
        fitted = fit_spectra(spectra, labels, floor=False, progress=False)
        for label in labels:
            i = emulator.names.index(label)
            error = fitted.values(f"{label}_error")
            low, high = emulator.limits[i]
            use = (truth[:, i] > low + CLEAR * error) & (truth[:, i] < high - CLEAR * error)
            delta = (fitted.values(label) - truth[:, i])[use]
            rows.append(
                {
                    "instrument": instrument,
                    "label": label,
                    "snr": snr,
                    "n": int(use.sum()),
                    "bias": float(f"{np.median(delta):.3g}"),
                    "sigma": float(f"{robust_sigma(delta):.3g}"),
                    "pull": float(f"{robust_sigma(delta / error[use]):.3g}"),
                    "stopped": float(f"{np.mean(fitted[f'{label}_flag'][use]):.3g}"),
                }
            )
    return rows
