"""Compile loops over stars with numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled", "inlined"]

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    """Compile a loop on its first call, without Python's lock; cache it if a folder is writable."""
    try:
        return cast("Loop", numba.njit(nogil=True, cache=True)(loop))
    except RuntimeError:  # no folder to keep it in
        return cast("Loop", numba.njit(nogil=True)(loop))


def inlined(piece: Loop) -> Loop:
    """Compile a piece of a loop for use inside `compiled` ones."""
    return cast("Loop", numba.njit(piece))
