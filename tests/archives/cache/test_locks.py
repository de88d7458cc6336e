"""No query reaches files, settings, extensions or the caller's variables."""

from pathlib import Path

import duckdb
import pytest

from stellarnb.archives import LocalArchive
from stellarnb.errors import QueryError

ATTACKS = [
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM read_blob('{file}')",
    "SELECT * FROM read_parquet('{file}')",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM '{file}'",
    'SELECT * FROM "{file}"',
    "SELECT content FROM read_text('{file}') AS stars",
    "COPY stars TO '{folder}/stolen.csv'",
    "COPY (SELECT * FROM stars) TO '{folder}/stolen.csv'",
    "EXPORT DATABASE '{folder}/all'",
    "ATTACH '{folder}/other.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET enable_external_access",
    "CALL pragma_version()",
]
#: These do no harm beyond the archive; the first wall alone refuses them.
REFUSED = [
    "SELECT getenv('HOME')",
    "SELECT current_setting('threads')",
    "SELECT getvariable('x')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pragma_table_info('stars')",
    "PRAGMA database_list",
    "DROP TABLE stars",
    "DELETE FROM stars",
    "UPDATE stars SET ra = 0",
    "INSERT INTO stars SELECT * FROM stars",
    "CREATE TABLE x AS SELECT 1",
    "TRUNCATE TABLE stars",
    "SELECT * INTO x FROM stars",
    "SELECT 1; DROP TABLE stars",
    "SELECT ra FROM stars; -- \nDROP TABLE stars",
    "WITH x AS (DELETE FROM stars RETURNING *) SELECT * FROM x",
    "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a FROM t) SELECT * FROM t",
    "EXPLAIN SELECT 1",
    "FROM stars",
    "SELECT sky_distance(1, 2, 3, 4)",
    "SELECT COLUMNS(*) FROM stars",
    "SELECT * EXCEPT (ra) FROM stars",
    "SELECT ra FROM stars FOR UPDATE",
    "SELECT * FROM range(1000000000000)",
    "SELECT repeat('x', 1000000000) FROM stars",
    "/* SELECT */ DROP TABLE stars",
]


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "secret.csv"
    path.write_text("a,b\n1,2\n")
    return path


@pytest.mark.parametrize("attack", [*ATTACKS, *REFUSED])
def test_the_translation_refuses_it(sample: LocalArchive, secret: Path, attack: str) -> None:
    before = sorted(secret.parent.iterdir())
    with pytest.raises(QueryError):
        sample.query(attack.format(file=secret, folder=secret.parent))
    assert sorted(secret.parent.iterdir()) == before
    assert sample.query("SELECT COUNT(*) AS n FROM stars")["n"][0] == 4039


@pytest.mark.parametrize("attack", ATTACKS)
def test_duckdb_refuses_it_too(sample: LocalArchive, secret: Path, attack: str) -> None:
    before = sorted(secret.parent.iterdir())
    harmless = attack.startswith("CALL")
    with sample.engine._cursor(["stars"]) as cursor:
        if harmless:
            cursor.execute(attack)
        else:
            with pytest.raises(duckdb.Error):
                cursor.execute(attack.format(file=secret, folder=secret.parent)).fetchall()
    assert sorted(secret.parent.iterdir()) == before


def test_a_query_does_not_see_the_variables_of_its_caller(sample: LocalArchive) -> None:
    import pyarrow as pa

    mine = pa.table({"x": [1]})
    assert mine.num_rows == 1
    with pytest.raises(QueryError):
        sample.query("SELECT * FROM mine")
    with sample.engine._cursor() as cursor, pytest.raises(duckdb.Error):
        cursor.execute("SELECT * FROM mine")
