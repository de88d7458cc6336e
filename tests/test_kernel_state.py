import json
import subprocess
import sys

import numpy as np
import pytest
from comm import get_comm_manager

import stellarnb as snb
from stellarnb import kernel_state
from stellarnb.archives.cache.store import Store
from stellarnb.kernel_state import MOST, TARGET, describe, listen
from stellarnb.tables import Result, Table


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def spectra():
    flux = np.ones((3, 343), dtype=np.float32)
    return snb.SpectrumSet([1, 2, 3], np.arange(336.0, 1021.0, 2.0), flux, flux)


def found(group, **names):
    return describe(names)[group]


def test_spectra_have_rows_pixels_bytes_and_code(spectra) -> None:
    [entry] = found("spectra", snb=snb, spectra=spectra, _hidden=spectra, other=3)
    assert entry["rows"] == 3
    assert entry["bytes"] == 3 * 8 + 3 * 343 * (4 + 4 + 1)
    assert "343 pixels" in entry["detail"]
    assert entry["code"] == "snb.SpectrumViewer(spectra)"


def test_labels_are_drawn_and_other_tables_shown(labels) -> None:
    result = Result({"a": [1, 2]}, provenance={})
    stars = Table({"teff": [5000.0], "logg": [4.0]})
    entries = {e["name"]: e for e in found("tables", labels=labels, result=result, stars=stars)}
    assert {name: e["code"] for name, e in entries.items()} == {
        "labels": "snb.ChemicalMap(labels)",
        "result": "result",
        "stars": "snb.ChemicalMap(stars)",
    }
    assert entries["labels"]["detail"].startswith("test <b>net</b>, ")
    assert entries["result"]["rows"] == 2


def test_maps_are_shown_again_and_what_is_mock_is_called_so() -> None:
    mock = snb.mock_milky_way(200)
    state = describe({"mock": mock, "chart": snb.ChemicalMap(mock), "view": snb.views.kiel(mock)})
    assert state["tables"][0]["detail"].endswith(", mock")
    chart, view = state["maps"]
    assert (chart["kind"], chart["rows"], chart["code"]) == ("ChemicalMap", 200, "chart")
    assert chart["detail"].endswith(", mock")
    assert (view["kind"], view["rows"], view["code"]) == ("View", None, "view")


@pytest.mark.parametrize(
    ("names", "code", "prelude"),
    [
        ({"snb": snb}, "snb.", ""),
        ({"s": snb}, "s.", ""),
        ({}, "snb.", "import stellarnb as snb"),
        ({"snb": 3}, "stellarnb.", "import stellarnb"),
    ],
)
def test_code_uses_the_name_that_stellarnb_has_and_takes_none_away(names, code, prelude) -> None:
    state = describe(names)
    assert state["prelude"] == prelude
    assert all(model["code"].startswith(code) for model in state["models"])


@pytest.mark.parametrize("name", ["<script>x</script>", 'a"]; import os; ["', "class", "a b"])
def test_code_for_any_name_stands_for_that_object(name, spectra) -> None:
    [entry] = found("spectra", snb=snb, **{name: spectra})
    assert entry["name"] == name
    inner = entry["code"].removeprefix("snb.SpectrumViewer(").removesuffix(")")
    assert eval(inner, {name: spectra}) is spectra  # noqa: S307  (what the panel would insert)


def test_models_say_where_they_are_what_trained_them_and_who_holds_them() -> None:
    model = snb.load_model("gaia-rvs")
    models = {m["name"]: m for m in found("models", snb=snb, rvs=model, again=model)}
    assert models["gaia-rvs"] == {
        "name": "gaia-rvs",
        "where": "in the package",
        "synthetic": True,
        "here": ["rvs", "again"],
        "code": 'snb.load_model("gaia-rvs")',
    }
    assert models["rave-guiglion2020"]["where"].startswith("to fetch (")
    assert models["xp-apogee"]["synthetic"] is False


def test_of_very_many_objects_the_rest_is_counted(spectra) -> None:
    state = describe({f"s{i}": spectra for i in range(MOST + 7)})
    assert len(state["spectra"]) == MOST
    assert state["more"] == {"spectra": 7, "tables": 0, "maps": 0}


def test_the_cache_is_counted_and_looking_makes_no_folder(cache) -> None:
    assert describe({})["cache"]["entries"] == 0
    assert not cache.exists()
    store = Store()
    store.keep_table({"service": "x", "adql": "SELECT 1"}, Result({"a": [1]}, provenance={}))
    seen = describe({})["cache"]
    assert (seen["entries"], seen["bytes"]) == (1, store.upkeep.bytes)
    assert seen["folder"] == str(store.folder)


def test_a_wrong_setting_is_said_in_place(monkeypatch) -> None:
    monkeypatch.setenv("STELLARNB_CACHE_GB", "lots")
    assert "STELLARNB_CACHE_GB='lots'" in describe({})["cache"]["error"]


def test_memory_is_that_of_this_process() -> None:
    memory = describe({})["memory"]
    assert 10e6 < memory["taken"] < 100e9
    assert memory["free"] > 0
    assert memory["device"] is None


class Comm:
    def __init__(self) -> None:
        self.closed = []

    def close(self, data) -> None:
        self.closed.append(data)


def test_a_comm_is_closed_with_the_answer_or_the_error(monkeypatch) -> None:
    assert listen() == kernel_state.PROTOCOL
    answer = get_comm_manager().targets[TARGET]
    comm = Comm()
    answer(comm, {})
    [data] = comm.closed
    assert json.loads(json.dumps(data, allow_nan=False))["state"]["protocol"] == 1

    def fail(names):
        raise OSError("disk")

    monkeypatch.setattr(kernel_state, "describe", fail)
    comm = Comm()
    answer(comm, {})
    assert comm.closed == [{"error": "OSError: disk"}]


def test_looking_loads_neither_networks_nor_plots() -> None:
    code = (
        "import sys; from stellarnb.kernel_state import listen; listen(); "
        "print([m for m in ('torch', 'bokeh', 'holoviews', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
