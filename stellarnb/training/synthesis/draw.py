"""Labels to make nodes at: near those of real stars, and some in a wide box around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.training.data.apogee_xp import TEST, VALIDATION, is_clean, load_library, split
from stellarnb.training.synthesis.recipe import LABELS, MIXED_LOGG

__all__ = ["DOMAIN", "apogee_training_stars", "draw_labels", "read_survey"]

#: Where labels are drawn; beyond it they are set to its edge.
DOMAIN = {
    "teff": (3900.0, 7500.0),
    "logg": (0.1, 5.1),
    "fe_h": (-2.9, 0.6),
    "alpha_m": (-0.15, 0.55),
    "vmic": (0.6, 2.6),
    "a_li": (-0.6, 4.1),
}
#: Shares of stars from the wide box and of metal-poor ones; the others lie near real stars.
BOX, METAL_POOR = 0.10, 0.125
METAL_POOR_FE_H = (-2.75, -1.4)
#: Distance of a drawn star from a real one, one sigma.
SCATTER = {"teff": 100.0, "logg": 0.15, "fe_h": 0.10, "alpha_m": 0.05, "a_li": 0.15}
#: Scatter of each alpha element about alpha_m [dex].
ALPHA_SCATTER = 0.07
#: Columns of a survey that are used where it has them.
OPTIONAL = ("alpha_m", "a_li")
SPELLINGS = {"fe_h": ("feh", "mh"), "alpha_m": ("alpham", "alphafe"), "a_li": ("ali", "li1")}
Floats = NDArray[np.float64]


def apogee_training_stars() -> pd.DataFrame:
    """Return the labels of the clean stars in the training part of the XP-APOGEE library."""
    library = load_library()
    part = split(library.source_id)
    rows = is_clean(library) & (part != TEST) & (part != VALIDATION)
    names = ("teff", "logg", "fe_h", "alpha_m")
    return pd.DataFrame({name: getattr(library, name)[rows].astype(np.float64) for name in names})


def read_survey(path: Path) -> pd.DataFrame:
    """Read the labels of a survey's stars.

    path: a ``.csv`` or ``.parquet`` with Teff [K], logg and [Fe/H] (or [M/H]), and [alpha/M] and
    A(Li) where it has them. Columns are found by name whatever their spelling: ``FeH``, ``FEH`` and
    ``fe_h`` are one. Returns ``teff, logg, fe_h`` and what there is of ``alpha_m, a_li``, float64;
    stars outside of `DOMAIN` or without one of the first three are left out.
    """
    if not path.is_file():
        raise MissingInput(f"No survey at {path}. Give a .csv or .parquet with Teff, logg, Fe_H.")
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise InvalidInput(f"The survey {path} cannot be read: {error}") from error
    plain = {re.sub(r"[^a-z0-9]", "", str(name).lower()): name for name in table.columns[::-1]}
    out: dict[str, Floats] = {}
    for name in ("teff", "logg", "fe_h", *OPTIONAL):
        found = next((plain[s] for s in SPELLINGS.get(name, (name,)) if s in plain), None)
        if found is not None:
            out[name] = pd.to_numeric(table[found], errors="coerce").to_numpy(np.float64)
        elif name not in OPTIONAL:
            raise MissingInput(f"The survey {path} has no column {name} (any spelling).")
    stars = pd.DataFrame(out)
    inside = [stars[name].between(*DOMAIN[name]) for name in ("teff", "logg", "fe_h")]
    stars = stars[np.logical_and.reduce(inside)].reset_index(drop=True)
    if stars.empty:
        raise InvalidInput(f"The survey {path} has no star with Teff, logg and [Fe/H] in {DOMAIN}.")
    return stars


def draw_labels(n: int, seed: int, surveys: Sequence[pd.DataFrame]) -> NDArray[np.float32]:
    """Draw labels for nodes.

    Returns [n, 14]: in the order of `LABELS`, shuffled: near the surveys' stars, a tenth from a
    wide box along the giant branch and the main sequence, and an eighth metal-poor ones. The
    relations were fitted to the given nodes.
    """
    if n < 1 or seed < 0 or not surveys:
        raise InvalidInput("Drawing labels needs at least one star, a seed >= 0 and a survey.")
    rng = np.random.default_rng(seed)
    n_box, n_poor = round(BOX * n), round(METAL_POOR * n)
    n_near = n - n_box - n_poor
    parts = [
        _near(rng, count, survey)
        for count, survey in zip(_shares(n_near, len(surveys)), surveys, strict=True)
    ]
    parts.append(_wide(rng, rng.uniform(*DOMAIN["fe_h"], n_box)))
    parts.append(_wide(rng, rng.uniform(*METAL_POOR_FE_H, n_poor)))
    stars = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    for name in ("teff", "logg", "fe_h", "alpha_m"):
        stars[name] = _clip(name, stars[name])
    stars |= _elements(rng, stars)
    order = rng.permutation(n)
    return np.stack([stars[name][order] for name in LABELS], axis=1).astype(np.float32)


def _shares(n: int, parts: int) -> list[int]:
    return [n // parts + (i < n % parts) for i in range(parts)]


def _clip(name: str, values: Floats) -> Floats:
    return np.clip(values, *DOMAIN[name])


def _near(rng: np.random.Generator, n: int, survey: pd.DataFrame) -> dict[str, Floats]:
    """Return stars near those of a survey."""
    chosen = survey.iloc[rng.integers(len(survey), size=n)]
    out = {name: chosen[name].to_numpy(np.float64) for name in ("teff", "logg", "fe_h")}
    typical = _typical_alpha(rng, out["fe_h"])
    alpha = chosen["alpha_m"].to_numpy(np.float64) if "alpha_m" in chosen else np.full(n, np.nan)
    out["alpha_m"] = np.where(np.isfinite(alpha), alpha, typical)
    for name in ("teff", "logg", "fe_h", "alpha_m"):
        out[name] = out[name] + rng.normal(0.0, SCATTER[name], n)
    lithium = chosen["a_li"].to_numpy(np.float64) if "a_li" in chosen else np.full(n, np.nan)
    any_lithium = _any_lithium(rng, n)
    lithium = lithium + rng.normal(0.0, SCATTER["a_li"], n)
    out["a_li"] = np.where(np.isfinite(lithium), _clip("a_li", lithium), any_lithium)
    return out


def _wide(rng: np.random.Generator, fe_h: Floats) -> dict[str, Floats]:
    """Return stars along the giant branch and the main sequence, half of each."""
    n = len(fe_h)
    giant = rng.random(n) < 0.5
    logg_giant = rng.uniform(DOMAIN["logg"][0], 3.6, n)
    branch = 3630.0 + 431.0 * logg_giant - 6.7 * logg_giant**2 - 187.0 * fe_h
    teff_dwarf = rng.uniform(*DOMAIN["teff"], n)
    sequence = 4.7 - 0.2 * (teff_dwarf - 4000.0) / 1000.0
    return {
        "teff": np.where(giant, branch + rng.normal(0.0, 220.0, n), teff_dwarf),
        "logg": np.where(giant, logg_giant, sequence + rng.normal(0.0, 0.25, n)),
        "fe_h": fe_h,
        "alpha_m": _typical_alpha(rng, fe_h),
        "a_li": _any_lithium(rng, n),
    }


def _typical_alpha(rng: np.random.Generator, fe_h: Floats) -> Floats:
    """Return [alpha/M] as the Milky Way has it: 0.3 in metal-poor stars, falling to 0.03."""
    plateau = np.interp(fe_h, [-1.0, 0.0], [0.30, 0.03])
    return plateau + rng.normal(0.0, 0.12, len(fe_h))


def _any_lithium(rng: np.random.Generator, n: int) -> Floats:
    return rng.uniform(-0.5, 3.6, n)


def _elements(rng: np.random.Generator, stars: dict[str, Floats]) -> dict[str, Floats]:
    """Return microturbulence and single elements."""
    n, mixed = len(stars["teff"]), stars["logg"] < MIXED_LOGG

    def around(centre: Floats | float, sigma: float) -> Floats:
        return np.asarray(centre + rng.normal(0.0, sigma, n), dtype=np.float64)

    dwarf = 1.05 + 0.26 * (stars["teff"] - 5000.0) / 1000.0
    giant = 2.29 - 0.276 * stars["logg"]
    out = {"vmic": _clip("vmic", around(np.where(stars["logg"] < 3.5, giant, dwarf), 0.20))}
    out |= {f"{e}_fe": around(stars["alpha_m"], ALPHA_SCATTER) for e in ("mg", "si", "ca", "ti")}
    out["al_fe"] = around(0.03 + 0.5 * stars["alpha_m"], 0.12)
    out["ni_fe"] = around(0.0, 0.065)
    # Giants have brought up carbon that was turned into nitrogen.
    out["c_fe"] = around(np.where(mixed, -0.15, 0.0), 0.13)
    out["n_fe"] = around(np.where(mixed, 0.25, 0.0), 0.16)
    return out
