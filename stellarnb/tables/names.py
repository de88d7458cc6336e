"""Columns by the field's names, whatever a table calls them."""

from __future__ import annotations

from collections.abc import Sequence

from stellarnb.errors import InvalidInput

__all__ = ["SURVEYS", "find_column"]

_ALIASES: dict[str, tuple[str, ...]] = {
    "source_id": (
        "source_id_gaiadr3",
        "gaia_source_id",
        "gaiadr3_source_id",
        "gaiaedr3_source_id",
        "dr3_source_id",
    ),
    "ra": ("ra_icrs", "raj2000"),
    "dec": ("de_icrs", "dec_icrs", "dej2000"),
    "phot_g_mean_mag": ("g", "gmag", "g_mag", "phot_g"),
    "phot_bp_mean_mag": ("bp", "bpmag", "bp_mag", "phot_bp"),
    "phot_rp_mean_mag": ("rp", "rpmag", "rp_mag", "phot_rp"),
    "j": ("jmag", "j_mag", "j_m", "tmass_j", "jmag_2mass"),
    "h": ("hmag", "h_mag", "h_m", "tmass_h", "hmag_2mass"),
    "k": (
        *("kmag", "k_mag", "k_m", "ks", "ksmag", "ks_mag", "ks_m"),
        *("tmass_ks", "tmass_k", "kmag_2mass"),
    ),
    "w1": ("w1mag", "w1_mag", "w1mpro", "wise1"),
    "w2": ("w2mag", "w2_mag", "w2mpro", "wise2"),
    "parallax": ("plx", "parallax_mas"),
    "av": ("a_v", "av50", "avmag"),
}

#: What surveys call the labels, for comparisons: {survey: {label: column}}.
SURVEYS: dict[str, dict[str, str]] = {
    "apogee": {
        "teff": "teff",
        "logg": "logg",
        "m_h": "m_h",
        "fe_h": "fe_h",
        "alpha_m": "alpha_m",
        "mg_fe": "mg_fe",
        "si_fe": "si_fe",
        "al_fe": "al_fe",
        "ni_fe": "ni_fe",
    },
    "galah": {
        "teff": "teff",
        "logg": "logg",
        "fe_h": "fe_h",
        "mg_fe": "mg_fe",
        "si_fe": "si_fe",
        "al_fe": "al_fe",
        "ni_fe": "ni_fe",
        "a_li": "a_li",
    },
    "gsp-phot": {"teff": "teff_gspphot", "logg": "logg_gspphot", "m_h": "mh_gspphot"},
    "gsp-spec": {
        "teff": "teff_gspspec",
        "logg": "logg_gspspec",
        "m_h": "mh_gspspec",
        "alpha_m": "alphafe_gspspec",
    },
    "starhorse": {"teff": "teff50", "logg": "logg50", "m_h": "met50"},
    "benchmark": {"teff": "teff", "logg": "logg", "fe_h": "fe_h"},
}


def find_column(names: Sequence[str], wanted: str) -> str | None:
    """Return the column that holds `wanted`, by its name or a usual alias, in any case."""
    by_lower: dict[str, list[str]] = {}
    for name in names:
        by_lower.setdefault(name.lower(), []).append(name)
    for candidate in (wanted, *_ALIASES.get(wanted, ())):
        found = by_lower.get(candidate, [])
        if len(found) > 1:
            raise InvalidInput(f"Which one is {wanted}: {' or '.join(found)}? Drop the other.")
        if found:
            return found[0]
    return None
