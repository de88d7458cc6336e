"""Meanings of the columns of an unknown catalogue, from their names and UCDs."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stellarnb.archives.base.catalog import ColumnInfo
from stellarnb.archives.surveys.survey import MAIN

__all__ = ["discover"]

_ELEMENTS = ("mg", "si", "al", "ni")
_ERROR = r"(?:e_|s_|u_|err_|sig_|sigma_){name}|{name}(?:_?err(?:or)?|_?unc)"
_NAMES: dict[str, str] = {
    "source_id": r"(?:gaia[ _-]?)?(?:e?dr3[ _-]?)?(?:source(?:_?id)?)|gaia[ _-]?(?:e?dr3)?|gaiaid",
    "ra": r"ra_?icrs|ra_?j2000|ra|radeg|_ra|_raj2000",
    "dec": r"de_?icrs|dec_?icrs|de_?j2000|dec|dedeg|decdeg|_de|_dej2000",
    "parallax": r"plx|parallax",
    "pmra": r"pmra",
    "pmdec": r"pmde|pmdec",
    "phot_g_mean_mag": r"gmag|phot_g_mean_mag",
    "phot_bp_mean_mag": r"bpmag|phot_bp_mean_mag",
    "phot_rp_mean_mag": r"rpmag|phot_rp_mean_mag",
    "radial_velocity": r"rv|hrv|radial_velocity|vrad",
    "snr": r"snr|s/n|snrrv?s?|rvss/?n|snrvs",
    "teff": r"teff",
    "logg": r"log_?\(?g\)?",
    "m_h": r"\[?m/h\]?|m_h|mh|met",
    "fe_h": r"\[?fe/h\]?|fe_?h",
    "alpha_m": r"\[?(?:a|alpha)/m\]?|(?:a|alpha)_?m|alpham",
    "a_li": r"a\(li\)|a_?li",
    "av": r"av|a_?v|av50",
    "boundary": r"flag[_ -]?boundary|fl?bound(?:ary)?|f_?boundary",
} | {f"{e}_fe": rf"\[?{e}/fe\]?|{e}_?fe" for e in _ELEMENTS}
#: Only numbers can be these.
_UCDS = {
    "source_id": ("meta.id",),
    "ra": ("pos.eq.ra",),
    "dec": ("pos.eq.dec",),
    "teff": ("phys.temperature.effective",),
    "logg": ("phys.gravity",),
}
_WITH_ERRORS = (
    *("teff", "logg", "m_h", "fe_h", "alpha_m", "a_li", "parallax", "radial_velocity"),
    *(f"{e}_fe" for e in _ELEMENTS),
)
_WHOLE = frozenset({"long", "bigint", "int64", "int8"})
_TEXT = frozenset({"char", "varchar", "unicodechar", "string", "text"})


def discover(columns: Mapping[str, ColumnInfo], ucds: Mapping[str, str]) -> dict[str, str]:
    """Return the places of shared names in a table; uncertain ones are left out."""
    found: dict[str, str] = {}
    for label, pattern in _NAMES.items():
        column = _named(pattern, label, columns) or _tagged(label, columns, ucds)
        if column is not None:
            found[label] = f"{MAIN}.{column}"
    for label in _WITH_ERRORS:
        if label in found:
            column = _named(_ERROR.format(name=f"(?:{_NAMES[label]})"), label, columns)
            if column is not None:
                found[f"{label}_error"] = f"{MAIN}.{column}"
    return found


def _named(pattern: str, label: str, columns: Mapping[str, ColumnInfo]) -> str | None:
    for alternative in _alternatives(pattern):
        for name, info in columns.items():
            if re.fullmatch(alternative, name.strip('"').lower()) and _fits(label, info):
                return name
    return None


def _alternatives(pattern: str) -> list[str]:
    """Split a pattern at its outer bars: the first of them is the likeliest."""
    parts, depth = [""], 0
    for letter in pattern:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _tagged(label: str, columns: Mapping[str, ColumnInfo], ucds: Mapping[str, str]) -> str | None:
    """Return the one column that a UCD names as the main one."""
    for wanted in _UCDS.get(label, ()):
        tags = {name: ucds.get(name, "").lower().split(";") for name in columns}
        hits = [n for n, tag in tags.items() if tag[0] == wanted and _fits(label, columns[n])]
        best = [name for name in hits if "meta.main" in tags[name]] or hits
        if len(best) == 1:
            return best[0]
    return None


def _fits(label: str, info: ColumnInfo) -> bool:
    kind = info.type.lower().split("(")[0].strip()
    if label == "source_id":
        return kind in _WHOLE
    if label == "boundary":
        return True
    return kind not in _TEXT
