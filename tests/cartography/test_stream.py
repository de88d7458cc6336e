"""A folder of Parquet files gives what the table in memory gives."""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stellarnb.cartography import Bins, Flag, Where, Window, count, grid, mean, std, stream
from stellarnb.errors import Interrupted, InvalidInput, MissingInput
from stellarnb.progress import Cancel

WINDOW = Window((-1.5, 0.6), (-0.15, 0.45), 21, 17)


@pytest.fixture(scope="module")
def folder(some, tmp_path_factory):
    path = tmp_path_factory.mktemp("stars")
    (path / "deeper").mkdir()
    for i in range(4):
        part = some.take(slice(5000 * i, 5000 * (i + 1)))
        place = path / "deeper" / f"{i}.parquet" if i % 2 else path / f"{i}.parquet"
        pq.write_table(part.arrow, place, row_group_size=1000)
    (path / "notes.txt").write_text("no stars")
    return path


def last(*args, **kwargs):
    return list(stream(*args, **kwargs))[-1]


def test_the_last_step_is_the_aggregate_of_the_whole_table(some, folder):
    rule = Flag("good") & Where("snr > 20")
    mask = rule.mask(some)
    for kwargs, expected in (
        ({}, count(some, "m_h", "alpha_m", WINDOW)),
        ({"where": rule}, count(some, "m_h", "alpha_m", WINDOW, where=mask)),
        ({"bins": Bins()}, grid(some, "m_h", "alpha_m", WINDOW)),
    ):
        found = last(folder, "m_h", "alpha_m", WINDOW, **kwargs)
        np.testing.assert_array_equal(found.image, expected)
        assert found.image.attrs == expected.attrs
        assert (found.kind, found.rows, found.total, found.fraction) == ("exact", 20_000, 20_000, 1)
    for kwargs, expected in (
        ({"of": "logg"}, mean(some, "m_h", "alpha_m", "logg", WINDOW)),
        ({"of": "logg", "spread": True}, std(some, "m_h", "alpha_m", "logg", WINDOW)),
        ({"of": "logg", "bins": Bins()}, grid(some, "m_h", "alpha_m", WINDOW, of="logg")),
    ):
        found = last(folder, "m_h", "alpha_m", WINDOW, **kwargs)
        np.testing.assert_allclose(found.image, expected, rtol=1e-9, atol=1e-9)


def test_a_preview_from_all_over_comes_first_and_then_more_and_more(some, folder):
    steps = list(stream(folder, "m_h", "alpha_m", WINDOW, preview=3000, step=4000))
    assert [step.kind for step in steps] == ["preview", "partial", "partial", "partial", "exact"]
    assert steps[0].rows == 3000
    assert steps[0].image.sum() <= 3000
    rows = [step.rows for step in steps[1:]]
    assert rows == sorted(rows)
    assert rows[-1] == 20_000
    # Images are kept as they were when they were given out.
    assert steps[1].image.attrs["n_in"] == steps[1].image.sum() < steps[-1].image.sum()


def test_the_preview_takes_row_groups_of_several_files(folder, monkeypatch):
    module = sys.modules["stellarnb.cartography.stream"]
    seen = set()
    original = module._File.read

    def read(self, columns, group):
        if group is not None:
            seen.add(self.path.name)
        return original(self, columns, group)

    monkeypatch.setattr(module._File, "read", read)
    next(iter(stream(folder, "m_h", "alpha_m", WINDOW, preview=4000)))
    assert len(seen) == 4


def test_it_stops_between_two_batches_with_what_it_has(folder):
    cancel = Cancel()
    steps = stream(folder, "m_h", "alpha_m", WINDOW, preview=0, step=1000, cancel=cancel)
    first = next(steps)
    cancel.set()
    with pytest.raises(Interrupted, match="Stopped after") as caught:
        list(steps)
    assert caught.value.partial.rows > first.rows
    assert caught.value.partial.kind == "partial"


def test_a_cancel_before_the_start_stops_the_preview(folder):
    cancel = Cancel()
    cancel.set()
    with pytest.raises(Interrupted):
        next(stream(folder, "m_h", "alpha_m", WINDOW, preview=1000, cancel=cancel))


def test_a_file_or_some_files_will_do(some, folder):
    one = last(folder / "0.parquet", "m_h", "alpha_m", WINDOW)
    two = last([folder / "0.parquet", folder / "2.parquet"], "m_h", "alpha_m", WINDOW)
    assert (one.rows, two.rows) == (5000, 10_000)
    np.testing.assert_array_equal(
        one.image, count(some.take(slice(0, 5000)), "m_h", "alpha_m", WINDOW)
    )


def test_a_dask_frame_is_read_partition_by_partition(some):
    dataframe = pytest.importorskip("dask.dataframe")
    columns = ["m_h", "alpha_m", "R", "Z", "good"]
    frame = dataframe.from_pandas(some.to_pandas()[columns], npartitions=3)
    steps = list(
        stream(frame, "m_h", "alpha_m", WINDOW, bins=Bins(), where=Flag("good"), preview=5000)
    )
    assert steps[0].kind == "preview"
    expected = grid(some, "m_h", "alpha_m", WINDOW, where=Flag("good").mask(some))
    np.testing.assert_array_equal(steps[-1].image, expected)
    with pytest.raises(MissingInput, match="teff"):
        last(frame, "teff", "alpha_m", WINDOW)


def test_empty_files_are_no_stars(tmp_path):
    empty = pa.table({"m_h": pa.array([], pa.float32()), "alpha_m": pa.array([], pa.float32())})
    pq.write_table(empty, tmp_path / "none.parquet")
    step = last(tmp_path, "m_h", "alpha_m", WINDOW)
    assert (step.rows, step.total, step.fraction, int(step.image.sum())) == (0, 0, 1.0, 0)


def test_what_is_no_data_set_is_refused(tmp_path, folder):
    with pytest.raises(InvalidInput, match=r"no \.parquet file"):
        last(tmp_path, "m_h", "alpha_m", WINDOW)
    (tmp_path / "bad.parquet").write_bytes(b"not Parquet")
    with pytest.raises(InvalidInput, match=r"bad\.parquet"):
        last(tmp_path, "m_h", "alpha_m", WINDOW)
    with pytest.raises(InvalidInput, match="nowhere"):
        last(tmp_path / "nowhere", "m_h", "alpha_m", WINDOW)
    with pytest.raises(InvalidInput, match="int"):
        last(3, "m_h", "alpha_m", WINDOW)
    with pytest.raises(MissingInput, match="mass"):
        last(folder, "m_h", "mass", WINDOW)
