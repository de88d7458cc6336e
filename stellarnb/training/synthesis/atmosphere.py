"""Model atmospheres from the networks of atmosnet, evaluated with numpy.

The package has its arrays in one form only, a file that Python's pickle wrote. A pickle may run
anything when it is read, so this one is read by a reader that knows the four names which arrays
need and refuses every other, and only after its sha256 was found to be that of the published file.
The package's own code is not imported: it needs undeclared libraries, and its call takes powers of
e where the networks were trained on powers of ten.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import ChecksumMismatch, InvalidInput, StellarnbError

__all__ = ["Atmospheres", "model_text", "read_networks"]

FILE = "atmosnet_c3k_300neurons_cool.pkl"
SHA256 = "07a5258162bfb98deb2472b87646b1a84a55cf93994a009bf17c4178187c8618"
LABELS = ("teff", "logg", "fe_h", "alpha_m")
#: Columns of an atmosphere: mass column [g cm-2], temperature [K], gas pressure [dyn cm-2],
#: electrons [cm-3], Rosseland opacity [cm2 g-1], radiative acceleration [cm s-2], microturbulence
#: [cm s-1], convective flux.
COLUMNS = 8
Floats = NDArray[np.float64]

_ARRAYS = ("w_array_0", "b_array_0", "w_array_1", "b_array_1", "w_array_2", "b_array_2")
_UMATH = ("numpy.core._multiarray_umath", "numpy._core._multiarray_umath")


def _empty_array(*_: object) -> NDArray[Any]:
    """Stand in for numpy's ``_reconstruct``: the values are filled in afterwards."""
    return np.ndarray((0,), np.int8)


def _import_module(name: str) -> str:
    if name not in _UMATH:
        raise pickle.UnpicklingError(f"it wants the module {name}")
    return name


def _get_attr(module: str, name: str) -> Callable[..., NDArray[Any]]:
    if module not in _UMATH or name != "_reconstruct":
        raise pickle.UnpicklingError(f"it wants {module}.{name}")
    return _empty_array


def _dtype(code: str, *_: object) -> np.dtype[Any]:
    if code not in {"f4", "f8", "i8"}:
        raise pickle.UnpicklingError(f"it wants arrays of type {code!r}")
    return np.dtype(code, copy=True)  # the state that follows must not reach numpy's own


class _ArrayReader(pickle.Unpickler):
    """Reads dicts, lists, texts and numeric arrays; anything else is an error."""

    def find_class(self, module: str, name: str) -> Any:
        allowed: dict[tuple[str, str], Any] = {
            ("dill._dill", "_import_module"): _import_module,
            ("dill._dill", "_get_attr"): _get_attr,
            ("numpy", "ndarray"): "ndarray",  # only ever handed to _empty_array
            ("numpy", "dtype"): _dtype,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"it wants {module}.{name}")
        return allowed[module, name]


def _read_arrays(data: bytes) -> Any:
    """Return what a pickle of plain arrays holds; raise `InvalidInput` for anything else."""
    try:
        return _ArrayReader(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"The file of atmospheres holds more than arrays ({error}), so it was not read. Fetch it again."
        ) from error


@dataclass(frozen=True)
class Atmospheres:
    """C3K/ATLAS12 atmospheres of cool stars."""

    networks: tuple[Mapping[str, Floats], ...]  #: One network a column
    #: [4, 2]: lowest and highest Teff [K], logg [dex(cm s-2)], [Fe/H] and [alpha/Fe] [dex].
    limits: Floats

    def structure(self, teff: float, logg: float, fe_h: float, alpha_m: float) -> Floats:
        """Return an atmosphere.

        teff, logg, fe_h, alpha_m: [K], [dex(cm s-2)], [dex], [dex]. Returns [80, 8]: from the
        outside inwards; `COLUMNS` says what is in it.
        """
        point = np.array([teff, logg, fe_h, alpha_m], dtype=np.float64)
        for name, value, (low, high) in zip(LABELS, point, self.limits, strict=True):
            if not low <= value <= high:  # true for NaN too
                raise InvalidInput(f"no atmosphere: {name} {value:g} is not {low:g} to {high:g}")
        return np.stack([_evaluate(network, point) for network in self.networks], axis=1)


def _evaluate(network: Mapping[str, Floats], point: Floats) -> Floats:
    low, high = network["x_min"], network["x_max"]
    layer = (point - low) / (high - low) - 0.5
    for i in range(3):
        layer = network[f"w_array_{i}"] @ layer + network[f"b_array_{i}"]
        if i < 2:
            layer = np.where(layer > 0.0, layer, 0.01 * layer)
    out: Floats = 10.0**layer
    return out


def read_networks(data: bytes) -> Atmospheres:
    """Read the networks of cool stars."""
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        raise ChecksumMismatch(
            f"{FILE} is not the file of atmosnet 1.0.1 (sha256 {digest[:12]}…, expected "
            f"{SHA256[:12]}…). Fetch the package again."
        )
    return parse_networks(data)


def parse_networks(data: bytes) -> Atmospheres:
    """Read networks without asking whose they are; raise `InvalidInput` for any other file."""
    columns = _read_arrays(data)
    try:
        networks = tuple(
            {name: np.asarray(c[name], np.float64) for name in (*_ARRAYS, "x_min", "x_max")}
            for c in columns
        )
        limits = np.asarray(columns[0]["ranges"], np.float64)
        if len(networks) != COLUMNS or limits.shape != (4, 2):
            raise InvalidInput(f"Expected {COLUMNS} networks of 4 labels in the atmospheres' file.")
    except StellarnbError:
        raise
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise InvalidInput(f"The file of atmospheres lacks {error}; it is not read.") from error
    return Atmospheres(networks, limits)


def model_text(teff: float, logg: float, structure: Floats) -> str:
    """Return an atmosphere in the format of ATLAS, which Turbospectrum reads.

    structure [n, 8]: from `Atmospheres.structure`. Returns with the digits that ATLAS prints: T to
    0.1 K, the others to four figures. The given nodes were made with these; more digits change a
    flux by up to 0.006 %.
    """
    lines = [
        f"TEFF   {teff:.0f}.  GRAVITY  {logg:.4f} LTE",
        "TITLE ATLAS12",
        f"READ DECK6 {len(structure)} RHOX,T,P,XNE,ABROSS,ACCRAD,VTURB, FLXCNV",
    ]
    for row in structure:
        mass, temperature, *others = row
        figures = " ".join(f"{value:9.3E}" for value in others)
        lines.append(f" {mass:14.8E} {temperature:8.1f} {figures}")
    return "\n".join([*lines, ""])
