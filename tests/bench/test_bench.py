import pytest

from stellarnb.bench import run_bench
from stellarnb.errors import InvalidInput

KEYS = {"name", "value", "unit", "peer", "goal", "meets", "runs"}


def test_an_unknown_benchmark_names_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="import"):
        run_bench("speed")


def test_import_reports_the_ratio_and_the_heavy_packages() -> None:
    rows = run_bench("import")
    assert [row["name"] for row in rows] == ["import.torch_ratio", "import.heavy_modules"]
    assert all(set(row) == KEYS for row in rows)
    assert rows[0]["meets"] == (rows[0]["value"] <= 0.05)
    assert rows[1]["value"] == 0
