"""The recipe of the emulators: components and a Gaussian process from synthetic nodes."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.files import atomic_write, make_folder
from stellarnb.models.synthetic.emulator import Emulator, load_emulator

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Nodes", "evaluate_emulator", "load_emulator_recipe", "load_nodes", "train_emulator"]

#: Where the nodes lie beside a checkout.
NODES = Path(__file__).resolve().parents[4] / "shared" / "data" / "synthetic_nodes"
#: Flux 1 in the files of nodes.
UNIT = 50_000.0
#: Around the lithium line, in air [Angstrom].
LITHIUM, LITHIUM_WIDTH = 6707.8, 0.5
UNITS = {"teff": "K", "logg": "dex(cm s-2)", "vmic": "km s-1"}
Floats = NDArray[Any]


@dataclass(frozen=True)
class Nodes:
    """Synthetic spectra."""

    names: tuple[str, ...]  #: Labels
    labels: Floats  #: [n, n_labels]
    wavelength: Floats  #: [n_pix]: in air [Angstrom]
    flux: Floats  #: [n, n_pix]: continuum-normalised
    held_out: NDArray[np.bool_]  #: [n]: a fixed tenth that nothing is made from


def load_nodes(path: Path) -> Nodes:
    """Read a file of nodes."""
    try:
        with np.load(path, allow_pickle=False) as file:
            labels, names = file["labels"], tuple(str(name) for name in file["names"])
            wavelength = file["wavelength"]
            flux = file["flux"].astype(np.float32) / np.float32(UNIT)
    except (OSError, KeyError, ValueError) as error:
        raise MissingInput(
            f"No synthetic nodes at {path} ({error}). Give their folder with --nodes."
        ) from error
    rows = np.ascontiguousarray(labels, dtype="<f4")
    held_out = np.array([hashlib.sha256(row.tobytes()).digest()[0] % 10 == 0 for row in rows])
    return Nodes(names, labels, wavelength, flux, held_out)


def load_emulator_recipe(window: str) -> dict[str, Any]:
    """Return the recipe of a window, or raise `InvalidInput`."""
    file = resources.files("stellarnb.training").joinpath("recipes", f"emulator-{window}.toml")
    if not file.is_file():
        raise InvalidInput(f"No recipe for the window {window!r}; there are: cat, hr15n.")
    return tomllib.loads(file.read_text("utf-8"))


def train_emulator(window: str, nodes: Nodes, out: Path) -> list[Path]:
    """Make an emulator, and write its weights and card.

    Returns weights and card; copied into ``stellarnb/models`` they are what is shipped.
    """
    from safetensors.torch import save

    recipe = load_emulator_recipe(window)
    folder = make_folder(out)
    tensors = _fit(recipe["fit"], nodes)
    data = save(tensors)
    entry = dict(recipe["card"])
    entry["sha256"] = hashlib.sha256(data).hexdigest()
    step = float(np.round(np.median(np.diff(nodes.wavelength)), 6))
    entry["network"] = {
        **entry["network"],
        "grid": [float(nodes.wavelength[0]), step, len(nodes.wavelength)],
        "blocks": len(recipe["fit"]["blocks"]),
        "spread_limit": 1.0,
    }
    limits = np.stack([nodes.labels.min(axis=0), nodes.labels.max(axis=0)], axis=1).tolist()
    entry["labels"] = [
        {
            "name": n,
            "unit": UNITS.get(n, "dex"),
            "limits": [float(f"{v:.4g}") for v in limit],
            "floor": recipe["floors"].get(n, 0.0),
        }
        for n, limit in zip(nodes.names, limits, strict=True)
    ]
    entry["metrics"] = {
        "command": f"python -m stellarnb.training.emulate {window} --evaluate --json"
    }
    weights, card = folder / entry["weights"], folder / f"{window}.toml"
    with atomic_write(weights) as part:
        part.write_bytes(data)
    _write_card(card, entry)
    emulator = load_emulator(str(card))
    entry["network"]["spread_limit"] = _spread_limit(emulator, nodes)
    entry["metrics"]["held_out"] = evaluate_emulator(emulator, nodes)
    _write_card(card, entry)
    return [weights, card]


def _write_card(path: Path, entry: Mapping[str, Any]) -> None:
    import tomli_w

    with atomic_write(path) as part:
        part.write_text(tomli_w.dumps(entry), encoding="utf-8")


def _spread_limit(emulator: Emulator, nodes: Nodes) -> float:
    """Return the largest spread at held-out nodes: there the figures on the card still hold."""
    return float(f"{emulator.sparsity(nodes.labels[nodes.held_out]).max():.4g}")


def _fit(fit: Mapping[str, Any], nodes: Nodes) -> dict[str, Tensor]:
    """Return the weights."""
    import torch

    use = ~nodes.held_out
    features = nodes.labels.astype(np.float64)
    features[:, 0] = 5040.0 / features[:, 0]
    centre, width = features[use].mean(axis=0), features[use].std(axis=0)
    scaled = torch.from_numpy((features[use] - centre) / width)
    tensors = {
        "labels": torch.from_numpy(nodes.labels[use].astype(np.float32)),
        "centre": torch.from_numpy(centre),
        "width": torch.from_numpy(width),
    }
    for i, block in enumerate(fit["blocks"]):
        pixels = _pixels(block, nodes.wavelength)
        parts = _fit_block(fit, int(block["components"]), nodes.flux[use][:, pixels], scaled)
        parts["pixels"] = torch.from_numpy(pixels.astype(np.uint8))
        tensors |= {f"block{i}.{name}": tensor for name, tensor in parts.items()}
    return tensors


def _pixels(block: Mapping[str, Any], wavelength: Floats) -> NDArray[np.bool_]:
    if "inside" in block:
        low, high = block["inside"]
        return np.asarray((wavelength > low) & (wavelength < high))
    low, high = block.get("outside", (0.0, 0.0))
    return np.asarray((wavelength <= low) | (wavelength >= high))


def _fit_block(
    fit: Mapping[str, Any], n_components: int, flux: Floats, scaled: Tensor
) -> dict[str, Tensor]:
    """Return components and metric of one block of pixels."""
    import torch

    mean = flux.astype(np.float64).mean(axis=0)
    left, size, right = np.linalg.svd(flux - mean, full_matrices=False)
    values = left[:, :n_components] * np.sqrt(len(flux))
    scale = size[:n_components] / np.sqrt(len(flux))
    target = torch.from_numpy(values).double()
    metric, noise = _learn_metric(fit, scaled, target, torch.from_numpy(scale / scale.sum()))
    return {
        "components": torch.from_numpy(np.ascontiguousarray(right[:n_components])).half(),
        "mean": torch.from_numpy(mean.astype(np.float32)),
        "scale": torch.from_numpy(scale.astype(np.float32)),
        "values": target.float(),
        "metric": metric,
        "noise": torch.tensor(noise),
    }


def _learn_metric(
    fit: Mapping[str, Any], x: Tensor, values: Tensor, weight: Tensor
) -> tuple[Tensor, float]:
    """Return the metric and noise of largest marginal likelihood.

    One metric for all coefficients, each with an amplitude of its own, which is profiled out;
    they count by their share of the flux. The metric begins as one length a label and may turn.
    """
    import torch

    from stellarnb.models.synthetic.gaussian_process import matern

    d, eye = x.shape[1], torch.eye(x.shape[1], dtype=torch.float64)
    length = torch.full((d,), 1.5, dtype=torch.float64, requires_grad=True)
    noise = torch.tensor(-9.0, dtype=torch.float64, requires_grad=True)
    turn = torch.zeros(d, d, dtype=torch.float64, requires_grad=True)
    groups = [
        {"params": [length, noise], "lr": fit["rate_scale"]},
        {"params": [turn], "lr": fit["rate_turn"]},
    ]
    optimiser = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [2 * fit["steps"] // 3], 0.3)
    generator = torch.Generator().manual_seed(fit["seed"])
    for _ in range(fit["steps"]):
        rows = torch.randperm(len(x), generator=generator)[: fit["subset"]]
        points = x[rows] @ (torch.diag((-length).exp()) + turn * (1 - eye))
        variance = noise.exp() + fit["noise_floor"]
        covariance = matern(points, points) + variance * torch.eye(len(rows), dtype=torch.float64)
        factor = torch.linalg.cholesky(covariance)
        amplitude = (values[rows] * torch.cholesky_solve(values[rows], factor)).mean(0)
        loss = 0.5 * len(rows) * (weight * amplitude.log()).sum()
        loss = loss + factor.diagonal().log().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    metric = torch.diag((-length).exp()) + turn * (1 - eye)
    return metric.detach(), float(noise.detach().exp()) + float(fit["noise_floor"])


def evaluate_emulator(emulator: Emulator, nodes: Nodes) -> list[dict[str, Any]]:
    """Compare an emulator with the held-out nodes.

    Returns ``figure, value, unit, limit, meets, n``: median absolute error and rms over all pixels
    of all held-out nodes, the rms above 4200 K, and the rms within 0.5 Angstrom of Li I where the
    window has it. Limits only for those that must hold.
    """
    labels, flux = nodes.labels[nodes.held_out], nodes.flux[nodes.held_out]
    error = 100.0 * (emulator.flux(labels) - flux)

    def rms(part: Floats) -> float:
        return float(np.sqrt(np.mean(np.square(part, dtype=np.float64))))

    lithium = np.abs(nodes.wavelength - LITHIUM) <= LITHIUM_WIDTH
    figures = [
        ("median absolute error", float(np.median(np.abs(error))), 0.10),
        ("rms", rms(error), 0.30),
        ("rms above 4200 K", rms(error[labels[:, 0] > 4200.0]), None),
    ]
    if lithium.any():
        figures.append(("rms at Li I 6707.8", rms(error[:, lithium]), 0.60))
    rows: list[dict[str, Any]] = []
    for name, value, limit in figures:
        row: dict[str, Any] = {"figure": name, "value": float(f"{value:.4g}"), "unit": "%"}
        row["n"] = len(labels)
        if limit is not None:
            row |= {"limit": limit, "meets": value <= limit}
        rows.append(row)
    return rows
