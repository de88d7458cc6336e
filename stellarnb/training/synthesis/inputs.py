"""The texts that Turbospectrum's two programs read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stellarnb.training.synthesis.recipe import SynthesisWindow, abundances, carbon_isotopes

__all__ = ["MODEL", "OPACITIES", "SPECTRUM", "babsma_text", "bsyn_text"]

#: Files in the folder that both programs run in.
MODEL, OPACITIES, SPECTRUM = "model", "opacities", "spectrum"


def _setting(name: str, value: object) -> str:
    return f"'{name}:'  '{value}'"


def _grid(window: SynthesisWindow) -> list[str]:
    return [
        _setting("LAMBDA_MIN", window.low),
        _setting("LAMBDA_MAX", window.high),
        _setting("LAMBDA_STEP", window.step),
    ]


def _composition(star: Mapping[str, float]) -> list[str]:
    """Return the abundances: all by [Fe/H], the alpha elements by alpha_m, then single ones.

    Three decimals, as in the given nodes: a fourth changes a flux by up to 0.02 %.
    """
    single = abundances(star)
    return [
        _setting("METALLICITY", f"{star['fe_h']:.3f}"),
        _setting("ALPHA/Fe", f"{star['alpha_m']:.3f}"),
        _setting("HELIUM", "0.00"),
        _setting("R-PROCESS", "0.00"),
        _setting("S-PROCESS", "0.00"),
        _setting("INDIVIDUAL ABUNDANCES", len(single)),
        *(f"{number}  {value:.3f}" for number, value in single.items()),
    ]


def babsma_text(star: Mapping[str, float], window: SynthesisWindow) -> str:
    """Return the input of ``babsma_lu``, which computes the continuous opacities."""
    rows = [
        *_grid(window),
        _setting("MODELINPUT", MODEL),
        _setting("MARCS-FILE", ".false."),
        _setting("MODELOPAC", OPACITIES),
        *_composition(star),
        _setting("XIFIX", "T"),
        f"{star['vmic']:.6f}",
    ]
    return "\n".join([*rows, ""])


def bsyn_text(star: Mapping[str, float], window: SynthesisWindow, lists: Sequence[str]) -> str:
    """Return the input of ``bsyn_lu``, which computes the spectrum."""
    light, heavy = carbon_isotopes(star["logg"])
    rows = [
        *_grid(window),
        _setting("INTENSITY/FLUX", "Flux"),
        _setting("ABFIND", ".false."),
        _setting("MODELOPAC", OPACITIES),
        _setting("RESULTFILE", SPECTRUM),
        *_composition(star),
        _setting("ISOTOPES", 4),
        "3.006  0.0",
        "3.007  1.0",
        f"6.012  {light:.6f}",
        f"6.013  {heavy:.6f}",
        _setting("NFILES", len(lists)),
        *lists,
        _setting("SPHERICAL", "F"),
        "30",
        "300.00",
        "15",
        "1.30",
    ]
    return "\n".join([*rows, ""])
