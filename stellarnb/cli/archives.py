"""The commands ``stellarnb query`` and ``stellarnb cache``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stellarnb.cli.output import Json, in_words, print_rows

if TYPE_CHECKING:
    from stellarnb.tables import Table

__all__ = ["app", "query"]

#: Rows that are shown where no file is written.
SHOWN = 20

app = typer.Typer(
    name="cache",
    help="What archives answered, kept on this machine (STELLARNB_CACHE).",
    no_args_is_help=True,
)


@in_words
def query(
    adql: Annotated[str, typer.Argument(help="One SELECT in ADQL.")],
    archive: Annotated[
        str, typer.Option(help="Archive, VizieR catalogue, TAP address, or folder of tables.")
    ] = "sample",
    out: Annotated[
        Path | None, typer.Option(help="File to write: .parquet .csv .ecsv .fits .vot")
    ] = None,
    upload: Annotated[
        list[str] | None, typer.Option(help="NAME=FILE: a table for tap_upload.NAME.")
    ] = None,
    mirror: Annotated[str | None, typer.Option(help="Another place with the same data.")] = None,
    url: Annotated[str | None, typer.Option(help="Another address of the TAP service.")] = None,
    maxrec: Annotated[int | None, typer.Option(min=0, help="Row limit.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds that it may take.")] = None,
    allow_truncated: Annotated[
        bool, typer.Option("--allow-truncated", help="Take what came if rows were held back.")
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask again, whatever the cache has.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Answer from the cache alone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask an archive in ADQL, and show the answer or write it to a file."""
    from stellarnb.archives import open_archive
    from stellarnb.archives.remote.archive import RemoteArchive

    opened = open_archive(archive, url=url, mirror=mirror, offline=offline or None)
    tables = _uploads(upload or [])
    if isinstance(opened, RemoteArchive):
        result = opened.query(
            adql,
            tables or None,
            maxrec=maxrec,
            timeout=timeout,
            allow_truncated=allow_truncated,
            refresh=refresh,
        )
    else:
        result = opened.query(adql, upload=tables or None)
    if result.truncated:
        typer.echo("The archive held back rows: this is not all of them.", err=True)
    if out is not None:
        typer.echo(f"{result.write(out)}: {len(result):,} rows")
        return
    _show(result, f"{archive}: {len(result):,} rows", as_json=as_json)


@app.command("list")
@in_words
def list_cache(as_json: Json = False) -> None:
    """Show what is in the cache, the last used first."""
    from stellarnb.archives.cache.store import Store

    store = Store()
    rows = store.upkeep.list().arrow.to_pylist()
    title = f"{store.folder}: {store.upkeep.bytes / 1e6:,.1f} of {store.upkeep.limit_bytes / 1e6:,.0f} MB"
    print_rows([_short(row) if not as_json else row for row in rows], title, as_json=as_json)


@app.command()
@in_words
def verify(as_json: Json = False) -> None:
    """Read every file through and compare it with its sha256; exit 1 if one was damaged."""
    from stellarnb.archives.cache.store import Store

    found = Store().upkeep.verify()
    row = {
        "checked": found.checked,
        "damaged": len(found.damaged),
        "gone": len(found.gone),
        "adopted": found.adopted,
        "stray": found.stray,
    }
    print_rows([row], "Cache", as_json=as_json)
    if not found.sound:
        typer.echo("Damaged files were removed; what uses them is fetched again.", err=True)
        raise typer.Exit(1)


@app.command()
@in_words
def clear(
    what: Annotated[
        str | None, typer.Argument(help="tables, spectra, or a name that list shows; all if none.")
    ] = None,
    older_than_days: Annotated[
        float | None, typer.Option(help="Only what was not used for so long.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Empty the cache, or part of it."""
    from stellarnb.archives.cache.store import Store

    store = Store()
    if not yes:
        typer.confirm(f"Remove {what or 'everything'} from {store.folder}?", abort=True)
    freed = store.upkeep.clear(what, older_than_days=older_than_days)
    typer.echo(f"{freed / 1e6:,.1f} MB freed in {store.folder}")


def _uploads(pairs: list[str]) -> dict[str, Any]:
    """Read the files of ``--upload NAME=FILE``."""
    from stellarnb.errors import InvalidInput
    from stellarnb.tables import Result

    out: dict[str, Any] = {}
    for pair in pairs:
        name, sign, path = pair.partition("=")
        if not sign or not path:
            raise InvalidInput(f"--upload {pair}: write NAME=FILE.")
        if path.lower().endswith(".parquet"):
            out[name] = Result.read(path)
            continue
        from astropy.table import Table as AstropyTable

        try:
            out[name] = AstropyTable.read(path)
        except Exception as error:  # every reader of astropy fails in its own way
            raise InvalidInput(f"{path} cannot be read as a table: {error}") from error
    return out


def _show(result: Table, title: str, *, as_json: bool) -> None:
    rows = result.arrow.slice(0, None if as_json else SHOWN).to_pylist()
    print_rows(
        [{name: _cell(v) for name, v in row.items()} for row in rows], title, as_json=as_json
    )
    if not as_json and len(result) > SHOWN:
        typer.echo(f"The first {SHOWN} of {len(result):,} rows; --out FILE writes them all.")


def _cell(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN, which JSON does not know
        return None
    return value if isinstance(value, (str, float, bool)) or value is None else str(value)


def _short(row: dict[str, Any]) -> dict[str, Any]:
    what = " ".join(str(row["what"]).split())
    return {
        "used": str(row["used"])[:16],
        "kind": row["kind"],
        "stars": row["stars"],
        "kB": row["bytes"] / 1e3,
        "what": what if len(what) <= 80 else f"{what[:79]}…",
    }
