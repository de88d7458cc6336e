"""The networks: cards, weights, prediction, trust flags."""

from stellarnb.models.card import Card, load_card, model_names
from stellarnb.models.fitting.api import fit_spectra
from stellarnb.models.model import Model, load_model
from stellarnb.models.synthetic.emulator import (
    Emulator,
    emulator_card,
    emulator_names,
    load_emulator,
)
from stellarnb.models.synthetic.synthesize import synthesize
from stellarnb.models.weights.download import whereabouts

__all__ = [
    "Card",
    "Emulator",
    "Model",
    "emulator_card",
    "emulator_names",
    "fit_spectra",
    "load_card",
    "load_emulator",
    "load_model",
    "model_names",
    "synthesize",
    "whereabouts",
]
