"""The networks: cards, weights, prediction, trust flags."""

from stellarnb.models.card import Card, load_card, model_names
from stellarnb.models.converted import whereabouts
from stellarnb.models.emulator import Emulator, emulator_card, emulator_names, load_emulator
from stellarnb.models.fitting import fit_spectra
from stellarnb.models.model import Model, load_model
from stellarnb.models.synthesize import synthesize

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
