"""The embedded archive returns the rows that GAVO DaCHS does: ``pytest -m dachs``.

Needs DaCHS on this machine, bound to 127.0.0.1:18080, and root: see ``dachs_setup.sh``.
"""
# ruff: noqa: S608 - queries are what is tested

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from astropy.table import Table as AstropyTable
from hypothesis import HealthCheck, given, settings

from stellarnb.archives import LocalArchive
from stellarnb.tables import Result
from tests.support.adql_suite import SCHEMA, Case, cases, same_rows
from tests.support.adql_truth import made_up_sky

pytestmark = pytest.mark.dachs

TABLES = made_up_sky()
URL = "http://127.0.0.1:18080"
INPUTS = Path("/var/gavo/inputs") / SCHEMA
_TYPES = {"int64": "bigint", "int32": "integer", "double": "double precision", "string": "text"}


def _resource() -> str:
    """Return DaCHS's description of the tables."""
    parts = []
    for name, table in TABLES.items():
        columns = "".join(
            f'<column name="{field.name}" type="{_TYPES[str(field.type)]}" ucd="meta.note" '
            + ('><values nullLiteral="-9999"/></column>' if "int" in str(field.type) else "/>")
            for field in table.arrow.schema
        )
        # VOTable does not tell NULL from an empty text.
        nulls = (
            '<map key="word">@word.strip() or None if @word else None</map>'
            if "word" in table
            else ""
        )
        parts.append(
            f'<table id="{name}" onDisk="True" adql="True">{columns}</table>'
            f'<data id="import_{name}"><sources>{name}.vot</sources><voTableGrammar/>'
            f'<make table="{name}"><rowmaker idmaps="*">{nulls}</rowmaker></make></data>'
        )
    about = "".join(
        f'<meta name="{key}">{text}</meta>'
        for key, text in (
            ("title", "Made up, for tests of ADQL"),
            ("creationDate", "2026-01-01T00:00:00Z"),
            ("description", "Made up, for tests of ADQL"),
            ("subject", "tests"),
        )
    )
    return f'<resource schema="{SCHEMA}">{about}{"".join(parts)}</resource>'


def _dachs(*words: str) -> None:
    command = ["su", "dachsroot", "-c", f"dachs {' '.join(words)}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def dachs(request: pytest.FixtureRequest) -> Iterator["Dachs"]:
    """Load the tables into DaCHS, and serve them while the tests last."""
    if "dachs" not in (request.config.option.markexpr or ""):
        pytest.skip("opt in with pytest -m dachs")
    if shutil.which("dachs") is None or os.geteuid() != 0:
        pytest.skip("DaCHS is not installed here, or this is not root: see dachs_setup.sh")
    pyvo = pytest.importorskip("pyvo")
    subprocess.run(["pg_ctlcluster", "15", "main", "start"], capture_output=True, check=False)
    INPUTS.mkdir(parents=True, exist_ok=True)
    (INPUTS / "q.rd").write_text(_resource())
    for name, table in TABLES.items():
        table.to_astropy().write(INPUTS / f"{name}.vot", format="votable", overwrite=True)
    subprocess.run(["chown", "-R", "dachsroot:gavo", str(INPUTS)], check=True)
    _dachs("imp", "--suppress-meta", f"{SCHEMA}/q")
    command = ["su", "dachsroot", "-c", "exec dachs serve debug"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as server:
        try:
            yield Dachs(_ready(pyvo))
        finally:
            os.killpg(server.pid, 15)
            server.wait(30)


class Dachs:
    """The service, with a short name: Hypothesis writes it into each report."""

    def __init__(self, service: object) -> None:
        self.service = service

    def query(self, case: Case) -> Result:
        uploads = {name: AstropyTable(columns) for name, columns in case.upload.items()}
        answer = self.service.run_sync(  # type: ignore[attr-defined]
            case.adql, maxrec=1_000_000, uploads=uploads or None
        )
        return Result(_null_texts(answer.to_table()))


def _ready(pyvo: object) -> object:
    service = pyvo.dal.TAPService(f"{URL}/tap")  # type: ignore[attr-defined]
    for _ in range(120):
        try:
            service.search(f"SELECT TOP 1 ra FROM {SCHEMA}.stars")
        except Exception:  # noqa: BLE001 - it is starting up, or else the last try says why
            time.sleep(0.5)
        else:
            return service
    service.search(f"SELECT TOP 1 ra FROM {SCHEMA}.stars")
    return service


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> LocalArchive:
    folder = tmp_path_factory.mktemp("suite")
    for name, table in TABLES.items():
        table.write(folder / f"{SCHEMA}.{name}.parquet")
    return LocalArchive(folder, name="suite")


def _null_texts(table: AstropyTable) -> dict[str, object]:
    """Return the columns with NULL for an empty text: VOTable does not tell the two apart."""
    out: dict[str, object] = {}
    for name in table.colnames:
        column = table[name]
        texts = column.dtype.kind in "OUS"
        out[name] = [str(cell) or None for cell in column.filled("")] if texts else column
    return out


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases(TABLES))
def test_rows_are_those_of_dachs(dachs: Dachs, embedded: LocalArchive, case: Case) -> None:
    theirs, ours = dachs.query(case), embedded.query(case.adql, upload=case.upload)
    same_rows(theirs, case)  # DaCHS agrees with numpy,
    same_rows(ours, case)  # and so does the archive
    assert ours.colnames == [name.lower() for name in theirs.colnames]
