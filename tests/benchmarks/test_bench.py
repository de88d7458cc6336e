import pytest

from benchmarks import __main__ as command
from benchmarks import run_bench
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


@pytest.mark.parametrize(("meets", "status"), [(True, 0), (False, 1)])
def test_a_missed_goal_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, meets: bool, status: int
) -> None:
    row = {"name": "x", "value": 1.0, "unit": "", "goal": 2, "meets": meets}
    monkeypatch.setattr(command, "run_bench", lambda name: [row])
    assert command.main(["import"]) == status
