"""Archives by name."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload
from urllib.parse import urlsplit

from stellarnb.archives.base.catalog import nearest
from stellarnb.archives.hats import HatsArchive, is_hats
from stellarnb.archives.local.archive import LocalArchive
from stellarnb.archives.transport.request import scrub_url
from stellarnb.errors import InvalidInput

if TYPE_CHECKING:
    from stellarnb.archives.remote.archive import RemoteArchive
    from stellarnb.archives.surveys import Survey

__all__ = ["archive_names", "open_archive"]

VIZIER = "https://tapvizier.cds.unistra.fr/TAPVizieR/tap"
#: A catalogue of VizieR, such as I/355 or J/A+A/682/A9, perhaps with one of its tables.
_CATALOGUE = re.compile(
    r"(?:vizier:)?((?:J/[\w+&.]+/[\w.]+/[\w.+-]+|(?:I|II|III|IV|V|VI|VII|VIII|IX|B)/\w+)(?:/[\w.]+)?)"
)
_VIZIER_CREDIT = (
    "This research has made use of the VizieR catalogue access tool, CDS, Strasbourg, France (DOI: "
    "10.26093/cds/vizier)."
)


@cache
def _registry() -> dict[str, dict[str, Any]]:
    text = resources.files("stellarnb.archives").joinpath("registry.toml").read_text("utf-8")
    return tomllib.loads(text)


def archive_names() -> list[str]:
    """Return the names that `open_archive` knows."""
    return list(_registry())


@overload
def open_archive(name: Literal["sample"]) -> LocalArchive: ...


@overload
def open_archive(name: os.PathLike[str]) -> LocalArchive: ...


@overload
def open_archive(
    name: str,
    *,
    url: str | None = ...,
    mirror: str | None = ...,
    offline: bool | None = ...,
    cache: bool = ...,
    data_url: str | None = ...,
) -> LocalArchive | RemoteArchive | HatsArchive: ...


def open_archive(
    name: str | os.PathLike[str],
    *,
    url: str | None = None,
    mirror: str | None = None,
    offline: bool | None = None,
    cache: bool = True,
    data_url: str | None = None,
) -> LocalArchive | RemoteArchive | HatsArchive:
    """Open an archive, without using the network before the first query.

    Parameters
    ----------
    name : str or path-like
        ``"sample"`` (embedded); a survey: ``"gaia"``, ``"apogee"``, ``"rave"``, ``"gaia-eso"``,
        ``"galah"``, ``"starhorse"``, ``"rvs-cnn"``; a catalogue of VizieR, such as
        ``"J/A+A/671/A61"`` or ``"I/355"``; the address of any TAP service; or a folder of tables,
        each of which gets its file's name; or a HATS catalogue (extra [lsdb]): a folder or an
        address with ``/hats`` in it. A folder called like an archive is opened by
        ``"./sample"``.
    url : str, optional
        Another address of the same TAP service.
    mirror : str, optional
        Another place that has the same data: for ``"gaia"`` ``"ari"``, ``"aip"`` or ``"vizier"``.
    offline : bool, optional
        Answer from the cache alone; if omitted, ``STELLARNB_OFFLINE``.
    cache : bool, optional
        Keep what the archive answers, in the folder of ``STELLARNB_CACHE``.
    data_url : str, optional
        Another address of the service or the files that have the spectra.

    Returns
    -------
    LocalArchive, RemoteArchive or HatsArchive
        All are asked in the same way.

    Raises
    ------
    InvalidInput
        If there is no such archive, catalogue, mirror or folder, or an address is invalid.

    Examples
    --------
    >>> import stellarnb as snb
    >>> snb.open_archive("sample").products
    ('xp_sampled',)
    >>> snb.open_archive("gaia", cache=False, offline=True).name
    'gaia'
    """
    if not isinstance(name, (str, os.PathLike)):
        raise InvalidInput(
            f"Expected the name of an archive as text or a path, got {type(name).__name__}."
        )
    if is_hats(name):
        return HatsArchive(name, offline=offline)
    if isinstance(name, str):
        survey = _survey(name.strip())
        if survey is not None:
            # Imported late: the embedded archive needs nothing of it.
            from stellarnb.archives.remote.archive import RemoteArchive

            if mirror is not None:
                survey = survey.at_mirror(mirror)
            survey = _elsewhere(survey, url, data_url)
            return RemoteArchive(survey, offline=offline, cache=cache)
        _refuse_addresses(name, url=url, mirror=mirror, data_url=data_url)
        entry = _registry().get(name.strip().lower())
        if entry is not None:
            folder = Path(str(resources.files("stellarnb.archives"))) / entry["folder"]
            key = name.strip().lower()
            return LocalArchive(folder, name=key, title=entry["title"], version=entry["version"])
    path = Path(name).expanduser()
    if isinstance(name, str) and not path.exists() and len(path.parts) < 2:
        known = ", ".join(_registry())
        raise InvalidInput(
            f"There is no archive {name!r}{nearest(name, _registry())} (archives: {known}; or a "
            "VizieR catalogue, the address of a TAP service, or the path of a folder of tables)."
        )
    return LocalArchive(path)


def _survey(name: str) -> Survey | None:
    """Return the survey, catalogue or service of a name; None for an archive on this machine."""
    from stellarnb.archives.surveys import Survey

    entry = _registry().get(name.lower())
    if entry is not None:
        return Survey.from_entry(name.lower(), entry) if entry["kind"] == "tap" else None
    if "://" in name:
        return _service(name)
    match = _CATALOGUE.fullmatch(name)
    if match is None or (not name.startswith("vizier:") and Path(name).exists()):
        return None
    return Survey(
        match[1],
        f"{match[1]} at VizieR",
        match[1],
        VIZIER,
        catalogue=match[1],
        discover=True,
        credits=(_VIZIER_CREDIT,),
    )


def _service(url: str) -> Survey:
    from stellarnb.archives.surveys import Survey

    host = urlsplit(url).hostname
    if urlsplit(url).scheme not in {"http", "https"} or not host:
        raise InvalidInput(
            f"{scrub_url(url)} is not the address of a TAP service. Expected https://…"
        )
    return Survey(host, f"TAP service at {host}", "", url)


def _elsewhere(survey: Survey, url: str | None, data_url: str | None) -> Survey:
    changes: dict[str, Any] = {}
    if url is not None:
        changes |= {"url": url, "format": None}
    if data_url is not None:
        changes |= {"data": data_url, "files": data_url}
    return replace(survey, **changes)


def _refuse_addresses(name: str, **addresses: str | None) -> None:
    given: Mapping[str, str] = {key: text for key, text in addresses.items() if text is not None}
    for key in given:
        raise InvalidInput(
            f"{key}= applies only to remote archives; {name!r} is on this machine. Leave it out."
        )
