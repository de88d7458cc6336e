"""Units and descriptions of the columns that placing stars adds."""

from __future__ import annotations

__all__ = ["DESCRIPTIONS", "UNITS"]

UNITS = {
    "teff": "K",
    "teff_error": "K",
    "logg": "dex(cm s-2)",
    "logg_error": "dex(cm s-2)",
    **{
        name + end: "dex"
        for name in ("m_h", "fe_h", "alpha_m", "mg_fe", "si_fe", "al_fe", "ni_fe", "a_li")
        for end in ("", "_error")
    },
    **{name + end: "kpc" for name in ("distance", "X", "Y", "Z", "R") for end in ("", "_error")},
    **{name + end: "km / s" for name in ("v_R", "v_phi", "v_Z") for end in ("", "_error")},
    "Lz": "kpc km / s",
    "Lz_error": "kpc km / s",
    **dict.fromkeys(("phi", "phi_error", "ra", "dec"), "deg"),
    **dict.fromkeys(("parallax", "parallax_error"), "mas"),
    **{name + end: "mas / yr" for name in ("pmra", "pmdec") for end in ("", "_error")},
    "radial_velocity": "km / s",
    "radial_velocity_error": "km / s",
    **{f"phot_{band}_mean_mag": "mag" for band in ("g", "bp", "rp")},
    "av": "mag",
}

DESCRIPTIONS = {
    "X": "Galactocentric X, from the Sun through the centre: negative at the Sun",
    "Y": "Galactocentric Y, along the rotation at the Sun",
    "Z": "Galactocentric Z, height above the plane",
    "R": "distance from the Galactic axis",
    "phi": "Galactocentric azimuth from +X towards +Y: 180 at the Sun, falling along the rotation",
    "distance": "distance from the Sun",
    "distance_method": "how the distance was found; 'none' where there is no valid one",
    "v_R": "velocity away from the Galactic axis",
    "v_phi": "velocity along the Galactic rotation, positive with the Sun's",
    "v_Z": "velocity to the north",
    "Lz": "angular momentum about the axis, positive along the Galactic rotation",
    "snr": "signal-to-noise ratio of the spectrum",
    "component": "the part of the mock that the star was drawn from",
}
