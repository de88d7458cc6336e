"""Training sets out of archives: spectra of one survey with the labels of another."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stellarnb.archives import open_archive
from stellarnb.archives.base.catalog import nearest
from stellarnb.archives.base.positions import as_radius
from stellarnb.errors import Interrupted, InvalidInput, MissingInput
from stellarnb.files import make_folder
from stellarnb.progress import Cancel, progress_bar
from stellarnb.settings import settings
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.spectra.binary import from_cells
from stellarnb.tables import Result
from stellarnb.training.dataset.chunks import Chunks
from stellarnb.training.dataset.cuts import NoBits
from stellarnb.training.dataset.kinds import KINDS, Kind, Wanted
from stellarnb.training.dataset.manifest import Manifest, identity_of
from stellarnb.training.dataset.reference import candidates

__all__ = ["CUTS", "TrainingSet", "training_set"]

#: Default quality cuts of the reference and of the stars with spectra. A cut by a column that an
#: archive does not have is left out and listed in the provenance.
CUTS: dict[str, dict[str, Any]] = {
    "reference": {
        "snr": (70, None),
        "teff_error": (None, 150),
        "aspcapflag": NoBits((23,)),  # STAR_BAD
    },
    "stars": {"snr": (15, None), "ruwe": (None, 1.4)},
}
_LABELS = ("teff", "logg", "m_h", "fe_h", "alpha_m")
_SCALARS = (
    *("phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag"),
    *("parallax", "parallax_error"),
)


class TrainingSet:
    """A training set in a folder of Parquet files.

    Attributes
    ----------
    path : pathlib.Path
        The folder; `Model.predict_dataset` and any Parquet reader take it.
    provenance : dict
        Which archives, cuts and labels, and whom to thank.
    counts : dict of str to int
        How many stars each step left, in order.
    """

    def __init__(self, path: Path, provenance: dict[str, Any], counts: dict[str, int]) -> None:
        self.path = path
        self.provenance = provenance
        self.counts = counts

    def __len__(self) -> int:
        return self.counts["in the set"]

    def __repr__(self) -> str:
        steps = "\n".join(f"  {n:>9,}  {step}" for step, n in self.counts.items())
        return f"<TrainingSet of {len(self):,} stars in {self.path}>\n{steps}"

    def cite(self) -> str:
        """Return the credit lines that belong to the set, one a line."""
        return "\n".join(self.provenance["credits"])

    def read(self) -> tuple[SpectrumSet, Result]:
        """Return the spectra, and row by row beside them labels, inputs and ``split``.

        Returns
        -------
        spectra : SpectrumSet
            Of the set's instrument.
        stars : Result
            All other columns; those of further products as bytes in a cell.

        Raises
        ------
        InvalidInput
            If a file was taken away or damaged.
        """
        try:
            parts = [pq.read_table(path) for path in sorted(self.path.glob("part-*.parquet"))]
            table = pa.concat_tables(parts)
            if len(table) != len(self):
                raise InvalidInput(
                    f"{self.path} has only {len(table)} of {len(self)} stars. Make the set again."
                )
        except (OSError, pa.ArrowException) as error:
            raise InvalidInput(f"{self.path} cannot be read: {error}") from error
        instrument = get_instrument(self.provenance["instrument"])
        flux = from_cells(table["flux"], instrument.n_pix, "flux")
        sigma = None
        if "flux_error" in table.column_names:
            sigma = from_cells(table["flux_error"], instrument.n_pix, "flux_error")
        ids = table["source_id"].to_numpy()
        spectra = SpectrumSet(
            ids, instrument.wavelength, flux, sigma, None, instrument, provenance=self.provenance
        )
        note = json.loads(table.schema.metadata[b"stellarnb"])
        stars = table.drop_columns([n for n in ("flux", "flux_error") if n in table.column_names])
        return spectra, Result(
            stars.replace_schema_metadata(None),
            units=note["units"],
            descriptions=note["descriptions"],
            provenance=self.provenance,
        )


def training_set(
    kind: str = "gaia-rvs",
    reference: Any = "apogee",
    *,
    n: int | None = None,
    out: str | os.PathLike[str] | None = None,
    archive: Any = None,
    labels: Sequence[str] = _LABELS,
    scalars: Sequence[str] = _SCALARS,
    more: Sequence[str] = (),
    cuts: Mapping[str, Mapping[str, Any]] | None = None,
    match: Any = None,
    max_masked: float = 0.2,
    chunk: int = 2000,
    seed: int = 0,
    resume: bool = True,
    progress: bool = True,
    cancel: Cancel | None = None,
) -> TrainingSet:
    """Make a training set: the labels of one survey for the spectra of another.

    The reference's stars are cut by quality and shuffled, the same way for the same seed. Chunk by
    chunk they are looked up in the archive with the spectra, by source_id or by position, cut
    again, joined with their spectra and written. A run that was stopped continues where it was.

    Parameters
    ----------
    kind : {"gaia-rvs", "gaia-xp"}, optional
        Kind of spectra.
    reference : str or archive, optional
        Archive with the labels, or its name for `open_archive`.
    n : int, optional
        Number of stars in the set. By default, all that are found.
    out : path-like, optional
        Folder of the set. By default, one in the cache that is named after the set's contents.
    archive : str or archive, optional
        Archive with the spectra, by default Gaia's.
    labels : sequence of str, optional
        Names of the labels; a star that lacks one is left out. Their errors come along.
    scalars : sequence of str, optional
        Further inputs, by their Gaia names; those that the archive does not have are left out
        and listed in the provenance.
    more : sequence of str, optional
        Further products, such as ``xp_sampled``, in columns ``<product>_flux`` and
        ``<product>_flux_error``; a star that lacks one is left out.
    cuts : mapping, optional
        ``{"reference": {…}, "stars": {…}}``: columns and what they must be, as for
        `stellarnb.training.dataset.cuts.apply_cuts`; what is given for one side replaces `CUTS` there.
    match : Quantity or float, optional
        Match by position within this radius; a plain number is arcsec. By default, stars are
        matched by source_id if the reference has one, else within 1 arcsec.
    max_masked : float, optional
        Largest share of masked pixels.
    chunk : int, optional
        Candidates in a chunk. If the process is killed, the work on one chunk is lost.
    seed : int, optional
        Seed of the order of the stars.
    resume : bool, optional
        Whether to continue the same set in `out`; False starts again.
    progress : bool, optional
        Whether to show a progress bar.
    cancel : Cancel, optional
        Stops the run between two chunks.

    Returns
    -------
    TrainingSet

    Raises
    ------
    InvalidInput
        For an unknown kind or product, or a folder that holds another set.
    MissingInput
        If a label or a column to cut by is not there, or if no star is left.
    Interrupted
        On Ctrl-C or `cancel`; the same call continues the run.
    StellarnbError
        Any error of the archives; what was written is kept, and the same call continues the run.

    Examples
    --------
    >>> import stellarnb as snb
    >>> snb.training_set("gaia-rvs", reference="apogee", n=5000)  # doctest: +SKIP

    Without a network, of the embedded stars:

    >>> made = snb.training_set(  # doctest: +SKIP
    ...     "gaia-xp", "sample", archive="sample", labels=["teff", "logg", "fe_h"], n=1000
    ... )
    """
    what = _kind(kind)
    if n is not None and n < 1:
        raise InvalidInput(f"n={n}: a set needs at least one star.")
    if chunk < 1 or not 0 <= max_masked <= 1:
        raise InvalidInput("chunk must be 1 or more, and max_masked a share from 0 to 1.")
    theirs, stars = _open(reference), _open(what.archive if archive is None else archive)
    sides = {**CUTS, **(cuts or {})}
    if set(sides) != set(CUTS):
        raise InvalidInput(
            f"cuts has the keys {', '.join(cuts or ())}; the keys can be {' and '.join(CUTS)}."
        )
    radius = None if match is None else as_radius(match, "arcsec")
    known = candidates(
        theirs,
        labels,
        sides["reference"],
        "reference" in (cuts or {}),
        radius,
        seed,
        whose=theirs.name if theirs.name != stars.name else "reference",
    )
    wanted = Wanted(
        kind=what,
        labels=tuple(labels),
        scalars=tuple(scalars),
        more=tuple(more),
        cuts=dict(sides["stars"]),
        strict="stars" in (cuts or {}),
        max_masked=max_masked,
    )
    identity = identity_of(kind, theirs, stars, known, wanted, n=n, seed=seed)
    folder = make_folder(out if out is not None else _default_folder(kind, theirs.name, identity))
    manifest = Manifest.open(folder, identity, chunk, resume=resume)
    chunks = Chunks(stars, known, wanted, manifest, theirs)
    _fill(chunks, manifest, n, progress=progress, cancel=cancel)
    counts = {**known.counts, **manifest.counts, "in the set": manifest.stars}
    if not manifest.stars:
        steps = "; ".join(f"{step}: {count}" for step, count in counts.items())
        raise MissingInput(f"No star is left ({steps}). Loosen the cuts, or raise n.")
    return TrainingSet(folder, manifest.provenance(chunks.notes), counts)


def _fill(
    chunks: Chunks, manifest: Manifest, n: int | None, *, progress: bool, cancel: Cancel | None
) -> None:
    total = len(chunks.known) if n is None else n
    with progress_bar(total, "training set", show=progress) as advance:
        advance(manifest.stars if n is not None else manifest.next * manifest.chunk)
        try:
            while not manifest.finished(len(chunks.known), n):
                _check(cancel)
                room = None if n is None else n - manifest.stars
                taken = chunks.write(manifest.next, room)
                advance(taken if n is not None else manifest.chunk)
        except KeyboardInterrupt as stop:
            raise Interrupted(
                f"Stopped with {manifest.stars} stars; {manifest.folder} keeps them. The same "
                "call continues the run."
            ) from stop


def _check(cancel: Cancel | None) -> None:
    if cancel is not None and cancel.is_set():
        raise KeyboardInterrupt


def _kind(name: str) -> Kind:
    if name not in KINDS:
        hint = nearest(str(name), KINDS)
        raise InvalidInput(f"There is no training set {name!r}{hint} (kinds: {', '.join(KINDS)}).")
    return KINDS[name]


def _open(archive: Any) -> Any:
    return open_archive(archive) if isinstance(archive, (str, os.PathLike)) else archive


def _default_folder(kind: str, reference: str, identity: Mapping[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in reference)
    return settings().cache / "training-sets" / f"{kind}-{safe}-{digest[:12]}"
