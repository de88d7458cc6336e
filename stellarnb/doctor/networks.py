"""Torch, and the weights of the networks."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import Any

from stellarnb.doctor.finding import Finding, failed, ok, warning
from stellarnb.doctor.packages import installed, needed
from stellarnb.errors import StellarnbError
from stellarnb.models import emulator_card, emulator_names, load_card, model_names, whereabouts
from stellarnb.models.weights.store import read_weights

__all__ = ["check_torch", "check_weights"]

#: Seconds after which torch counts as stuck.
_PATIENCE = 180.0


def check_torch() -> list[Finding]:
    """Import torch and let it compute, in a process of its own."""
    wanted = needed("torch")
    version = f'"torch{wanted.specifier}"' if wanted else "torch"
    remedy = f"{sys.executable} -m pip install --force-reinstall {version}; restart the kernel."
    # -P: what happens to lie in this folder must not be taken for torch or stellarnb.
    command = [sys.executable, "-P", "-m", "stellarnb.models.backends.probe"]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return [failed("torch", f"did not answer within {_PATIENCE:.0f} s", remedy)]
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        if "STELLARNB_DEVICE" in last:
            remedy = "Unset STELLARNB_DEVICE, or set it to cpu."
        return [
            failed("torch", f"{installed('torch') or 'missing'}, cannot be used: {last}", remedy)
        ]
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    where = told["device"]
    if told["name"]:
        where += f" ({told['name']}, {told['memory'] / 2**30:.0f} GiB)"
    words = f"torch {told['version']} computes on {where}, {told['threads']} threads"
    if wanted and not wanted.specifier.contains(told["version"], prereleases=True):
        return [failed("torch", f"{words}; needed is {wanted.specifier}", remedy, **told)]
    if not told["right"]:
        return [failed("torch", f"{words}, and computes a convolution wrong", remedy, **told)]
    if told["device"] == "cpu" and shutil.which("nvidia-smi") and "+cpu" in told["version"]:
        words += "; there is an NVIDIA card, and this build of torch cannot use it"
        return [warning("torch", words, "Install torch with CUDA if you want the card.", **told)]
    return [ok("torch", words, **told)]


def check_weights() -> list[Finding]:
    """Compare every file of weights with the sha256 on its card."""
    good: list[str] = []
    absent: list[str] = []
    bad: list[str] = []
    cards = {name: load_card(name) for name in model_names()}
    cards |= {f"emulator {name}": emulator_card(name) for name in emulator_names()}
    for name, card in cards.items():
        if card.sources:
            (good if whereabouts(card) == "fetched" else absent).append(name)
            continue
        try:
            read_weights(card)
            good.append(name)
        except StellarnbError as error:
            bad.append(str(error))
    if bad:
        remedy = f"{sys.executable} -m pip install --force-reinstall --no-deps stellarnb"
        return [failed("weights", " ".join(bad), remedy)]
    words = f"{', '.join(good)}: as published, by sha256"
    if absent:
        remedy = f"Only if you want it: stellarnb models fetch {absent[0]}"
        return [ok("weights", f"{words}; not fetched: {', '.join(absent)}", remedy)]
    return [ok("weights", words)]
