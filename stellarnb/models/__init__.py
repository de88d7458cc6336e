"""The networks: cards, weights, prediction, trust flags."""

from stellarnb.models.card import Card, load_card, model_names
from stellarnb.models.converted import whereabouts
from stellarnb.models.model import Model, load_model

__all__ = ["Card", "Model", "load_card", "load_model", "model_names", "whereabouts"]
