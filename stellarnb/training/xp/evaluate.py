"""How good the shipped weights are, on the test split that nothing was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.archives import open_archive
from stellarnb.models import load_model
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Labels, Result
from stellarnb.tables.compare import robust_sigma
from stellarnb.training.data.apogee_xp import (
    LABELS,
    TEST,
    VALIDATION,
    is_clean,
    load_library,
    split,
)
from stellarnb.training.xp.baseline import gradient_boosting

__all__ = ["SNR_EDGES", "evaluate_xp", "refusals_xp"]

#: Bins of the median S/N of a pixel of the XP spectrum.
SNR_EDGES = (0.0, 100.0, 200.0, np.inf)
#: Stars that each corruption is tried on.
N_CORRUPTED = 500
_ALL_STARS = "SELECT * FROM stars JOIN apogee USING (source_id)"

Case = tuple[SpectrumSet, Any]


def _test_stars() -> tuple[Result, SpectrumSet, NDArray[np.bool_]]:
    """Return all stars of the test split, their spectra, and which of them are clean."""
    archive = open_archive("sample")
    stars = archive.query(_ALL_STARS)
    spectra = archive.spectra(stars)
    columns = {name: np.asarray(stars[name], dtype=float) for name in LABELS}
    labelled = np.all([np.isfinite(values) for values in columns.values()], axis=0)
    clean = labelled & (stars["snr"] > 70) & (stars["teff_error"] < 150)
    clean &= (columns["teff"] > 3700) & (columns["teff"] < 6800)
    return stars, spectra, clean


def evaluate_xp(name: str = "xp-apogee") -> list[dict[str, Any]]:
    """Evaluate ``xp-apogee`` on the clean stars of the test split, beside gradient boosting.

    Returns ``label, snr, n, bias, sigma, pull, baseline_sigma`` for each label and bin of spectral
    S/N (and "all"): median and 1.4826 MAD of (label - APOGEE), 1.4826 MAD of (label - APOGEE) /
    error, and sigma of the baseline on the same stars.
    """
    library = load_library()
    digit, clean_rows = split(library.source_id), is_clean(library)
    baseline = gradient_boosting(
        library.take((digit > VALIDATION) & clean_rows), library.take((digit == TEST) & clean_rows)
    )
    stars, spectra, clean = _test_stars()
    labels = load_model(name).predict(spectra, stars, progress=False)[clean]
    assert spectra.error is not None, "the sample archive has errors"  # noqa: S101
    snr = np.median(spectra.flux / spectra.error, axis=1)[clean]
    rows = []
    for label in LABELS:
        truth = np.asarray(stars[label], dtype=float)[clean]
        delta = labels.values(label) - truth
        pull = delta / labels.values(f"{label}_error")
        other = baseline[label] - truth
        for text, use in _bins(snr):
            rows.append(
                {
                    "label": label,
                    "snr": text,
                    "n": int(use.sum()),
                    "bias": float(np.median(delta[use])),
                    "sigma": robust_sigma(delta[use]),
                    "pull": robust_sigma(pull[use]),
                    "baseline_sigma": robust_sigma(other[use]),
                }
            )
    return rows


def _bins(snr: NDArray[Any]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    yield "all", np.ones(len(snr), dtype=bool)
    for low, high in zip(SNR_EDGES[:-1], SNR_EDGES[1:], strict=True):
        yield f"{low:g}-{high:g}", (snr >= low) & (snr < high)


def refusals_xp(name: str = "xp-apogee", seed: int = 2026) -> list[dict[str, Any]]:
    """Count which stars of the test split `xp-apogee` refuses, and which corrupted spectra.

    Returns ``case, n, refused, at_least, at_most``: fractions of stars that are not ``good()``.
    """
    stars, spectra, clean = _test_stars()
    model = load_model(name)
    teff = np.asarray(stars["teff"], dtype=float)
    rng = np.random.default_rng(seed)
    chosen = rng.choice(np.flatnonzero(clean), N_CORRUPTED, replace=False)
    hot = rng.choice(np.flatnonzero(teff > 7500), N_CORRUPTED)
    goals: Sequence[tuple[str, Case, float | None, float | None]] = [
        ("clean", (spectra[clean], stars[clean]), None, 0.05),
        ("Teff > 7500 K", (spectra[teff > 7500], stars[teff > 7500]), 0.95, None),
        ("Teff < 3500 K", (spectra[teff < 3500], stars[teff < 3500]), 0.95, None),
        *(
            (name, (broken, stars[chosen]), 0.95, None)
            for name, broken in corrupt(spectra[chosen], spectra[hot]).items()
        ),
    ]
    rows = []
    for case, (some, table), at_least, at_most in goals:
        labels: Labels = model.predict(some, table, progress=False)
        refused = 1.0 - float(np.mean(labels["good"]))
        rows.append(
            {
                "case": case,
                "n": len(labels),
                "refused": refused,
                "at_least": at_least,
                "at_most": at_most,
            }
        )
    return rows


def corrupt(spectra: SpectrumSet, hot: SpectrumSet) -> dict[str, SpectrumSet]:
    """Return spectra that no star has, or not this one, under their own names."""
    flux, error = spectra.flux, spectra.error
    median = np.median(flux, axis=1, keepdims=True)

    def as_set(new: NDArray[Any], new_error: NDArray[Any] | None) -> SpectrumSet:
        return SpectrumSet(spectra.ids, spectra.wavelength, new, new_error)

    return {
        "all zero": as_set(np.zeros_like(flux), error),
        "inverted": as_set(2 * median - flux, error),
        "shifted by 20 pixels": as_set(np.roll(flux, 20, axis=1), error),
        "shifted by -20 pixels": as_set(np.roll(flux, -20, axis=1), error),
        "spectrum of a star hotter than 7500 K": as_set(hot.flux, hot.error),
    }
