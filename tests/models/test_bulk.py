from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.feed import write_spectra
from benchmarks.reference import N_PIX, reference_model
from stellarnb.errors import GridMismatch, Interrupted, InvalidInput, MissingInput
from stellarnb.models.bulk import MANIFEST
from stellarnb.models.model import Model
from stellarnb.progress import Cancel
from stellarnb.spectra import SpectrumSet, get_instrument

N = 500


@pytest.fixture(scope="module")
def model() -> Model:
    return reference_model()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_spectra(tmp_path_factory.mktemp("source") / "spectra.parquet", N, group=300)


@pytest.fixture(scope="module")
def whole(model: Model, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "labels"
    return model.predict_dataset(source, out, batch=70, progress=False)


def spectra_of_file(path: Path) -> SpectrumSet:
    table = pq.read_table(path)
    flux, error = (
        np.frombuffer(b"".join(table[name].to_pylist()), "<f4").reshape(-1, N_PIX)
        for name in ("flux", "flux_error")
    )
    grid = get_instrument("gaia-rvs").wavelength
    return SpectrumSet(table["source_id"].to_numpy(), grid, flux, error, instrument="gaia-rvs")


def same(one: Path, other: Path) -> bool:
    return bool(pq.read_table(one).equals(pq.read_table(other)))


def test_a_dataset_gives_what_predict_gives_in_the_same_order(
    model: Model, source: Path, whole: Path
) -> None:
    labels = model.predict(spectra_of_file(source), progress=False)
    assert pq.read_table(whole).equals(labels.to_arrow())
    # 300 stars in chunks of 70, then 200
    assert len(list(whole.glob("part-*.parquet"))) == 5 + 3


def test_the_manifest_names_model_source_and_chunks(whole: Path) -> None:
    manifest = json.loads((whole / MANIFEST).read_text())
    assert manifest["model"]["name"] == "reference-hybrid"
    assert len(manifest["source"]) == 64
    assert sum(manifest["chunks"].values()) == N


@pytest.mark.parametrize("form", ["float16", "binary", "list", "fixed list"])
def test_other_forms_of_the_columns_are_read(
    model: Model, source: Path, tmp_path: Path, form: str
) -> None:
    spectra = spectra_of_file(source)[:40]
    flux = spectra.flux.astype(np.float16).astype(np.float32)
    column = {
        "float16": lambda: pa.array(
            [row.astype("<f2").tobytes() for row in flux], pa.binary(2 * N_PIX)
        ),
        "binary": lambda: pa.array([row.astype("<f4").tobytes() for row in flux]),
        "list": lambda: pa.array(list(flux)),
        "fixed list": lambda: pa.FixedSizeListArray.from_arrays(pa.array(flux.ravel()), N_PIX),
    }[form]()
    folder = tmp_path / "files"
    folder.mkdir()
    ids = pa.array(spectra.source_id)
    pq.write_table(pa.table({"source_id": ids, "flux": column}), folder / "a.parquet")
    out = model.predict_dataset(folder, tmp_path / "out", progress=False)
    grid = get_instrument("gaia-rvs").wavelength
    plain = SpectrumSet(spectra.source_id, grid, flux, instrument="gaia-rvs")
    assert pq.read_table(out).equals(model.predict(plain, progress=False).to_arrow())


def test_a_stopped_run_goes_on_where_it_stopped(
    model: Model, source: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, original, calls = Cancel(), Model.predict, []

    def predict(self: Model, spectra: SpectrumSet, *args: object, **kwargs: object) -> object:
        calls.append(len(spectra))
        if len(calls) == 3:
            cancel.set()
        return original(self, spectra, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Model, "predict", predict)
    out = tmp_path / "out"
    with pytest.raises(Interrupted, match=f"140 of {N}"):
        model.predict_dataset(source, out, batch=70, progress=False, cancel=cancel)
    calls.clear()
    # Another size of chunk would not fit to what is there: the old one is kept.
    model.predict_dataset(source, out, batch=333, progress=False)
    assert sum(calls) == N - 140
    assert same(out, whole)
    calls.clear()
    model.predict_dataset(source, out, progress=False)
    assert calls == []


_CHILD = """
import sys
from benchmarks.reference import reference_model
from stellarnb.models.model import Model
original = Model.predict
def predict(self, spectra, *args, **kwargs):
    with open(sys.argv[3], "a") as log:
        log.write(f"{len(spectra)}\\n")
    return original(self, spectra, *args, **kwargs)
Model.predict = predict
reference_model().predict_dataset(sys.argv[1], sys.argv[2], batch=70, progress=False)
"""


def test_a_killed_run_goes_on_and_repeats_one_chunk_at_most(
    source: Path, whole: Path, tmp_path: Path
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    command = [sys.executable, "-c", _CHILD, str(source), str(out), str(log)]
    child = subprocess.Popen(command)
    deadline = time.monotonic() + 120
    while len(list(out.glob("part-*.parquet"))) < 3:
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert len(list(out.glob("part-*.parquet"))) < 8
    subprocess.run(command, check=True, timeout=120)
    assert same(out, whole)
    computed = sum(int(line) for line in log.read_text().split())
    assert computed <= N + 70


@pytest.mark.parametrize("what", ["model", "source"])
def test_labels_of_something_else_are_not_mixed(
    model: Model, source: Path, tmp_path: Path, what: str
) -> None:
    first = write_spectra(tmp_path / "first.parquet", 20)
    out = model.predict_dataset(first, tmp_path / "out", progress=False)
    other = reference_model(seed=7) if what == "model" else model
    second = first if what == "model" else source
    with pytest.raises(InvalidInput, match=f"another {what}"):
        other.predict_dataset(second, out, progress=False)
    other.predict_dataset(second, out, resume=False, progress=False)
    assert pq.read_table(out).num_rows == (20 if what == "model" else N)


def test_a_folder_with_foreign_parts_is_left_alone(
    model: Model, source: Path, tmp_path: Path
) -> None:
    foreign = tmp_path / "part-000000.parquet"
    foreign.write_bytes(b"precious")
    with pytest.raises(InvalidInput, match="something else"):
        model.predict_dataset(source, tmp_path, resume=False, progress=False)
    assert foreign.read_bytes() == b"precious"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": 1, "source": 2, "chunks": 3}'])
def test_a_damaged_manifest_says_what_to_do(
    model: Model, source: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(InvalidInput, match="resume=False"):
        model.predict_dataset(source, tmp_path, progress=False)


def test_bad_sources_are_refused_by_name(model: Model, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ids = pa.array([1, 2])

    def source(**columns: pa.Array) -> Path:
        path = tmp_path / "bad.parquet"
        pq.write_table(pa.table({"source_id": ids, **columns}), path)
        return path

    def refuse(error: type[Exception], match: str, path: Path) -> None:
        with pytest.raises(error, match=match):
            model.predict_dataset(path, out, resume=False, progress=False)

    refuse(InvalidInput, "no Parquet file", tmp_path / "nowhere")
    (tmp_path / "text.parquet").write_text("no")
    refuse(InvalidInput, "cannot be read", tmp_path / "text.parquet")
    refuse(MissingInput, "no column flux", source())
    refuse(GridMismatch, "20 bytes a star", source(flux=pa.array([bytes(20)] * 2, pa.binary(20))))
    refuse(GridMismatch, "3 to 3 pixels", source(flux=pa.array([[1.0, 2.0, 3.0]] * 2)))
    refuse(InvalidInput, "1 rows are empty", source(flux=pa.array([bytes(4 * N_PIX), None])))
    refuse(InvalidInput, "flux is string", source(flux=pa.array(["a", "b"])))
    refuse(InvalidInput, "with gaps", source(flux=pa.array([[1.0] * N_PIX, [None] * N_PIX])))
    with pytest.raises(InvalidInput, match="batch=0"):
        model.predict_dataset(source(), out, batch=0)


def test_one_set_after_another_is_predicted_as_it_comes(model: Model, source: Path) -> None:
    spectra = spectra_of_file(source)
    taken: list[int] = []

    def sets() -> object:
        for start in range(0, 200, 100):
            taken.append(start)
            part = spectra[start : start + 100]
            yield part if start else (part, None)

    stream = model.predict_iter(sets())  # type: ignore[arg-type]
    first = next(stream)
    assert taken == [0]
    rest = list(stream)
    got = np.concatenate([labels["teff"] for labels in (first, *rest)])
    np.testing.assert_array_equal(got, model.predict(spectra[:200], progress=False)["teff"])
