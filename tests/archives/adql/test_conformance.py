"""The embedded archive returns the rows that an independent evaluation in numpy does."""

import pytest
from hypothesis import HealthCheck, given, settings

from stellarnb.archives import LocalArchive
from tests.support.adql_suite import SCHEMA, Case, cases, same_rows
from tests.support.adql_truth import made_up_sky

TABLES = made_up_sky()


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> LocalArchive:
    folder = tmp_path_factory.mktemp("suite")
    for name, table in TABLES.items():
        table.write(folder / f"{SCHEMA}.{name}.parquet")
    return LocalArchive(folder, name="suite")


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases(TABLES))
def test_rows_are_those_of_numpy(suite: LocalArchive, case: Case) -> None:
    same_rows(suite.query(case.adql, upload=case.upload), case)
