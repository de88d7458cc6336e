"""The command ``stellarnb map``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stellarnb.errors import InvalidInput

if TYPE_CHECKING:
    from stellarnb.tables import Table

__all__ = ["map_command", "read_stars"]

#: What is read through astropy, and its name there.
_ASTROPY = {".fits": "fits", ".ecsv": "ascii.ecsv", ".vot": "votable", ".csv": "ascii.csv"}


def map_command(
    table: Annotated[
        Path, typer.Argument(help="Parquet file or folder, or .fits, .ecsv, .vot, .csv.")
    ],
    out: Annotated[Path, typer.Option(help="What to write: .html, .png, .svg or .pdf.")],
    panel: Annotated[
        list[str] | None,
        typer.Option(help="Diagram, such as kiel, r_z or X,Y (two columns); repeat for more."),
    ] = None,
    color_by: Annotated[str, typer.Option(help="count, or a column to average.")] = "count",
    where: Annotated[
        str | None, typer.Option(help="Which stars, such as 'm_h > -1 and abs(Z) < 0.5'.")
    ] = None,
    good: Annotated[bool, typer.Option("--good", help="Colour the recommended cut only.")] = False,
    distance: Annotated[
        str | None,
        typer.Option(
            help="Place the stars first: parallax, spectroscopic, starhorse or a column [kpc]."
        ),
    ] = None,
    theme: Annotated[str, typer.Option(help="light or dark.")] = "light",
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Chemical map",
) -> None:
    """Draw the maps of a table of stars into one file, which needs no network."""
    from stellarnb.cartography import Where, place
    from stellarnb.views import save_maps

    stars = read_stars(table)
    if distance is not None:
        stars = place(stars, distance=distance)
    if where is not None:
        stars = Where(where).table(stars)
    path = save_maps(
        stars,
        out,
        theme=theme,
        color_by=color_by,
        good_only=good,
        title=title,
        panels=None if panel is None else [_panel(text) for text in panel],
    )
    typer.echo(f"{path}: {len(stars):,} star{'' if len(stars) == 1 else 's'}")


def read_stars(path: Path) -> Table:
    """Read a table of stars.

    Parameters
    ----------
    path : pathlib.Path
        A Parquet file, a folder of them (looked through recursively), or a file that astropy
        reads.

    Returns
    -------
    Table

    Raises
    ------
    InvalidInput
        If it is not there or no table.
    OutOfMemory
        If it does not fit; the message says how many stars would.
    """
    from stellarnb.tables import Table

    path = path.expanduser()
    if path.is_dir() or path.suffix == ".parquet":
        return _read_parquet(path)
    if path.suffix not in _ASTROPY:
        raise InvalidInput(f"{path.name}: give .parquet, {', '.join(_ASTROPY)} or a folder.")
    from astropy.table import QTable

    try:
        table = QTable.read(path, format=_ASTROPY[path.suffix])
    except Exception as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    units = {name: str(table[name].unit) for name in table.colnames if table[name].unit}
    return Table(table, units=units)


def _read_parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from stellarnb.cartography.memory import need_memory
    from stellarnb.tables import Table

    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise InvalidInput(f"There is no .parquet file in {path}.")
    try:
        notes = [pq.read_metadata(file) for file in files]
    except (OSError, pa.ArrowInvalid) as error:
        raise InvalidInput(f"{path} cannot be read as Parquet: {error}") from error
    rows = sum(note.num_rows for note in notes)
    size = sum(
        note.row_group(i).total_byte_size for note in notes for i in range(note.num_row_groups)
    )
    # Twice: the file's columns, and float32 copies of those that are drawn.
    need_memory(rows, 2 * size // max(rows, 1) + 8, str(path))
    if len(files) == 1:
        return Table.read(files[0])
    try:
        parts = [Table.read(file) for file in files]
        arrow = pa.concat_tables([part.arrow for part in parts], promote_options="default")
    except pa.ArrowInvalid as error:
        raise InvalidInput(f"The files in {path} do not fit together: {error}") from error
    first = parts[0]
    return Table(
        arrow,
        units=first.units,
        descriptions=first.descriptions,
        provenance=first.provenance,
    )


def _panel(text: str) -> str | tuple[str, str]:
    """Return the name of a diagram, or the two columns of one."""
    names = text.split(",")
    if len(names) > 2:
        raise InvalidInput(f"--panel {text}: a diagram has two axes, such as X,Y.")
    return (names[0], names[1]) if len(names) == 2 else text
