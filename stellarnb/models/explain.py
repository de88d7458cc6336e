"""Which pixels and inputs a label rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.models.inputs.join import JoinedSpectra, join_inputs
from stellarnb.tables.table import Table

if TYPE_CHECKING:
    from astropy.units import Quantity
    from torch import Tensor, nn

    from stellarnb.models.families.base import Ensemble, Scaled
    from stellarnb.spectra import SpectrumSet

__all__ = ["Explanation", "explain"]

Floats = NDArray[np.float64]
Method = Literal["gradient", "integrated"]

#: Stars whose gradients are held at once.
BATCH = 64
#: Points between the mean spectrum and a star's on the way of integrated gradients.
STEPS = 48
#: Step of a finite difference: in magnitudes, and as a part of a parallax.
STEP_MAG, STEP_PARALLAX = 0.01, 0.01


@dataclass(frozen=True)
class Explanation:
    """How a label depends on what a model reads, star by star.

    Attributes
    ----------
    model : str
        As its name must be shown.
    label, unit : str
        What is explained.
    method : {'gradient', 'integrated'}
        What `sensitivity` is: the slope of the label by the normalised flux of a pixel, or a
        pixel's share in the difference from the label of the mean training spectrum.
    source_id : numpy.ndarray of int64, shape [n]
    wavelength : Quantity, shape [n_pix]
        Of the model's grid.
    sensitivity, scatter : numpy.ndarray, shape [n, n_pix]
        Mean and standard deviation over the networks, in the label's unit (for a slope: per unit
        of normalised flux, at a fixed continuum). 0 where no network reads.
    wavelength_xp : Quantity or None
    sensitivity_xp, scatter_xp : numpy.ndarray, shape [n, n_xp], or None
        The same of an XP spectrum, where the model reads one.
    inputs : dict of str to numpy.ndarray, shape [n]
        Slope of the label by each scalar input, in the label's unit per that of the input; NaN
        for a star without it.
    value : numpy.ndarray, shape [n]
        The label as the mean of the networks has it, before calibration.
    """

    model: str
    label: str
    unit: str
    method: Method
    source_id: NDArray[np.int64]
    wavelength: Quantity
    sensitivity: Floats
    scatter: Floats
    wavelength_xp: Quantity | None
    sensitivity_xp: Floats | None
    scatter_xp: Floats | None
    inputs: dict[str, Floats]
    value: Floats

    def __len__(self) -> int:
        return len(self.source_id)

    def __repr__(self) -> str:
        return f"<Explanation of {self.label} by {self.model} ({self.method}): {len(self)} stars>"

    def peaks(self, number: int = 5, apart: float = 1.0) -> Table:
        """Return where the label depends on the spectrum most, in the mean over the stars.

        Parameters
        ----------
        number : int, optional
            How many places.
        apart : float, optional
            Smallest distance between two, in the unit of `wavelength`.

        Returns
        -------
        Table
            ``wavelength, sensitivity, scatter``, the largest first.
        """
        mean, spread = self.sensitivity.mean(axis=0), self.scatter.mean(axis=0)
        grid = np.asarray(self.wavelength.value)
        left, rows = np.abs(mean), []
        for _ in range(number):
            best = int(np.argmax(left))
            if not left[best] > 0:
                break
            rows.append(best)
            left = np.where(np.abs(grid - grid[best]) < apart, 0.0, left)
        columns = {"wavelength": grid[rows], "sensitivity": mean[rows], "scatter": spread[rows]}
        units = {"wavelength": str(self.wavelength.unit)}
        return Table(columns, units=units | dict.fromkeys(("sensitivity", "scatter"), self.unit))


def explain(
    model: Ensemble,
    spectra: SpectrumSet | None,
    label: str,
    stars: Any = None,
    *,
    xp: SpectrumSet | None = None,
    method: Method = "gradient",
) -> Explanation:
    """Return what a label rests on; see `Model.explain`."""
    names = [spec.name for spec in model.card.labels]
    if label not in names:
        raise InvalidInput(
            f"{model.card.display_name} has no label {label!r}; it has: {', '.join(names)}."
        )
    if method not in {"gradient", "integrated"}:
        raise InvalidInput(f"method is {method!r}; 'gradient' or 'integrated' is needed.")
    which = names.index(label)
    seen = join_inputs(model.card, spectra, stars, xp)
    scalars = model.match_scalars(seen.source_id, stars, allow_missing=True)
    parts = [
        _explain(model, seen[rows], {k: v[rows] for k, v in scalars.items()}, which, method)
        for rows in (slice(i, i + BATCH) for i in range(0, max(len(seen), 1), BATCH))
    ]
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    inputs = {k.removeprefix("input."): v for k, v in joined.items() if k.startswith("input.")}
    low = None
    if "xp" in joined:
        from stellarnb.spectra import get_instrument

        low = get_instrument(model.card.second_instrument)
    from astropy import units

    grid = seen.instrument
    return Explanation(
        model.card.display_name,
        label,
        model.card.labels[which].unit,
        method,
        seen.source_id,
        units.Quantity(grid.wavelength, grid.unit),
        joined["flux"],
        joined["flux_scatter"],
        None if low is None else units.Quantity(low.wavelength, low.unit),
        joined.get("xp"),
        joined.get("xp_scatter"),
        inputs,
        joined["value"],
    )


def _explain(
    model: Ensemble, seen: JoinedSpectra, scalars: dict[str, Floats], which: int, method: Method
) -> dict[str, Floats]:
    """Return the parts of an explanation of a few stars."""
    pixels = seen.pixels()
    scaled = model.family.scale(pixels, scalars)
    value, slopes = _networks(model, scaled, which, method)
    out = {"value": value}
    diagonals = model.family.flux_slopes(pixels, scaled)
    for place, key in enumerate(("flux", "xp") if scaled.xp is not None else ("flux",)):
        # Shares are of the label already; slopes are by the scaled flux.
        part = slopes[place] * (diagonals[place] if method == "gradient" else 1.0)
        out[key], out[f"{key}_scatter"] = part.mean(axis=0), part.std(axis=0)
    for name in (spec.name for spec in model.card.scalars):
        out[f"input.{name}"] = _input_slope(model, pixels, scalars, name, which)
    return out


def _label_slope(model: Ensemble, scaled_labels: Floats, which: int) -> Floats:
    """Return the labels' slope by the scaled label, shape [n]."""
    return model.labels.slope(model.unscale_labels(scaled_labels))[:, which]


def _networks(
    model: Ensemble, scaled: Scaled, which: int, method: Method
) -> tuple[Floats, list[Floats]]:
    """Return the label [n], and slopes or shares of the spectra [n_networks, n, n_pix] each."""
    import torch

    device = next(model.networks[0].parameters()).device
    inputs = [torch.from_numpy(array).to(device) for array in scaled.inputs]
    n_spectra = len(inputs) - 1
    found: list[list[Floats]] = [[] for _ in range(n_spectra)]
    means = []
    for network in model.networks:
        with torch.no_grad():
            means.append(network(*inputs).double().cpu().numpy())
        for place, part in enumerate(_slopes(network, inputs, which, method)):
            found[place].append(part)
    mean = np.mean(means, axis=0)
    value = model.unscale_labels(mean)[:, which]
    if method == "gradient":
        unit = _label_slope(model, mean, which)
    else:  # shares add up to the difference of the labels, however these are scaled
        unit = _chord(model, inputs, mean, which)
    return value, [np.stack(part) * unit[None, :, None] for part in found]


def _slopes(network: nn.Module, inputs: list[Tensor], which: int, method: Method) -> list[Floats]:
    """Return slopes of the scaled label by each spectrum, or shares in it, [n, n_pix] each."""
    import torch

    n_spectra = len(inputs) - 1
    steps = 1 if method == "gradient" else STEPS
    total: list[Any] = [0.0] * n_spectra
    for step in range(steps):
        part = 1.0 if method == "gradient" else (step + 0.5) / steps
        moved = [(part * x).requires_grad_() for x in inputs[:n_spectra]]
        label = network(*moved, inputs[-1])[:, which].sum()
        for place, slope in enumerate(torch.autograd.grad(label, moved)):
            total[place] = total[place] + slope.double().cpu().numpy() / steps
    if method == "gradient":
        return total
    # Sundararajan et al. (2017, arXiv:1703.01365), eq. 1; the mean spectrum is 0.
    return [total[i] * inputs[i].double().cpu().numpy() for i in range(n_spectra)]


def _chord(model: Ensemble, inputs: list[Tensor], mean: Floats, which: int) -> Floats:
    """Return the label's difference from that of the mean spectrum, over the scaled one's."""
    import torch

    nothing = [torch.zeros_like(x) for x in inputs[:-1]]
    with torch.no_grad():
        base = np.mean(
            [net(*nothing, inputs[-1]).double().cpu().numpy() for net in model.networks], axis=0
        )
    step = (mean - base)[:, which]
    rise = (model.unscale_labels(mean) - model.unscale_labels(base))[:, which]
    flat = np.abs(step) < 1e-6
    slope = _label_slope(model, mean, which)
    return np.asarray(np.where(flat, slope, rise / np.where(flat, 1.0, step)))


def _input_slope(
    model: Ensemble, pixels: Any, scalars: dict[str, Floats], name: str, which: int
) -> Floats:
    """Return the label's slope by one scalar input, by a central difference, shape [n]."""
    import torch

    value = scalars[name]
    step = np.full(len(value), STEP_MAG)
    if name == "parallax":
        step = np.maximum(STEP_PARALLAX * np.abs(np.nan_to_num(value)), 1e-4)
    device = next(model.networks[0].parameters()).device

    def label(moved: Floats) -> Floats:
        scaled = model.family.scale(pixels, {**scalars, name: moved})
        tensors = [torch.from_numpy(array).to(device) for array in scaled.inputs]
        with torch.no_grad():
            each = [net(*tensors).double().cpu().numpy() for net in model.networks]
        return model.unscale_labels(np.mean(each, axis=0))[:, which]

    slope = (label(value + step) - label(value - step)) / (2 * step)
    return np.asarray(np.where(np.isfinite(value), slope, np.nan))
