"""The picture of what labels rest on."""

import numpy as np
import pytest

import stellarnb as snb
from stellarnb.errors import InvalidInput
from stellarnb.models import load_emulator
from stellarnb.spectra import SpectrumSet
from stellarnb.views.data.style import DARK, LIGHT
from stellarnb.views.sensitivity import sensitivity_figure


@pytest.fixture(scope="module")
def spectra() -> SpectrumSet:
    made = load_emulator("rave").spectra(
        {"teff": [5200.0, 5800.0], "logg": 4.4, "fe_h": 0.0}, "rave"
    )
    error = np.full(made.flux.shape, 0.02)
    return SpectrumSet(made.ids, made.wavelength, made.flux, error, instrument="rave")


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_each_label_has_a_panel_with_its_unit(spectra, theme) -> None:
    model = snb.load_model("rave")
    found = [model.explain(spectra, name) for name in ("teff", "fe_h")]
    figure = sensitivity_figure(spectra, found, theme=theme)
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert labels == ["mean flux", "∂Teff / ∂flux [K]", "∂[Fe/H] / ∂flux [dex]"]
    assert "synthetic-trained" in figure.axes[0].get_title()
    assert figure.axes[-1].get_xlabel() == "wavelength in air [Angstrom]"
    np.testing.assert_allclose(
        figure.axes[1].lines[0].get_ydata(), found[0].sensitivity.mean(axis=0)
    )
    assert [text.get_text() for text in figure.axes[0].texts] == ["Ca II"] * 3


def test_nothing_to_draw_is_refused(spectra) -> None:
    with pytest.raises(InvalidInput, match="one explanation"):
        sensitivity_figure(spectra, [])
    other = snb.load_model("rave").explain(spectra, "teff")
    sun = load_emulator("gaia-rvs").spectra({"teff": 5800.0, "logg": 4.4, "fe_h": 0.0}, "gaia-rvs")
    with pytest.raises(InvalidInput, match="another wavelength grid"):
        sensitivity_figure(sun, [other])
