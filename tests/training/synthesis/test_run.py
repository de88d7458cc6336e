"""Runs: stars are kept one by one, failures are listed, and a kill costs the stars in work."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from stellarnb.errors import Interrupted, InvalidInput, OutputError
from stellarnb.training.emulate.recipe import UNIT, Nodes, load_nodes
from stellarnb.training.synthesis import LABELS, WINDOWS, check, run
from stellarnb.training.synthesis.atmosphere import Atmospheres
from stellarnb.training.synthesis.engine import Synthesis
from stellarnb.training.synthesis.recipe import SynthesisWindow
from stellarnb.training.synthesis.run import make_nodes, synthesise
from stellarnb.training.synthesis.tools import Tools

CAT = WINDOWS["cat"]
SMALL = SynthesisWindow("small", 6446.0, 6446.5, 0.05, ())
SUN = np.array([5777, 4.44, 0, 0, 1.0, *[0] * 8, 1.05], np.float32)


@pytest.fixture
def labels():
    rows = np.tile(SUN, (6, 1))
    rows[:, 0] += np.arange(6)
    return rows


def counts(star) -> np.ndarray:
    return np.full(CAT.n_pixels, star[0], np.uint16)


def test_stars_come_in_their_order_whoever_is_first(labels, tmp_path: Path) -> None:
    results = synthesise(labels, CAT, counts, tmp_path, workers=3)
    assert results.rows.tolist() == list(range(6))
    assert results.flux[:, 0].tolist() == labels[:, 0].tolist()
    assert not results.failed


def test_a_star_that_fails_is_listed_and_the_others_are_made(labels, tmp_path: Path) -> None:
    def make(star):
        if star[0] == 5779:
            raise InvalidInput("no atmosphere: teff 5779")
        return counts(star)

    results = synthesise(labels, CAT, make, tmp_path)
    assert results.failed == {2: "no atmosphere: teff 5779"}
    assert results.rows.tolist() == [0, 1, 3, 4, 5]


def test_a_full_disk_is_no_stars_fault(labels, tmp_path: Path) -> None:
    def make(star):
        raise OutputError("the disk is full")

    with pytest.raises(OutputError, match="full"):
        synthesise(labels, CAT, make, tmp_path)


def test_only_what_is_not_there_is_made_again(labels, tmp_path: Path) -> None:
    synthesise(labels, CAT, counts, tmp_path)
    (tmp_path / "000001.npy").write_bytes(b"cut sh")
    np.save(tmp_path / "000003.npy", np.zeros(3, np.uint16))
    (tmp_path / "000004.npy").unlink()
    made = []

    def make(star):
        made.append(int(star[0]))
        return counts(star)

    results = synthesise(labels, CAT, make, tmp_path)
    assert sorted(made) == [5778, 5780, 5781]
    assert results.flux[:, 0].tolist() == labels[:, 0].tolist()


def test_parts_of_other_stars_or_another_window_are_refused(labels, tmp_path: Path) -> None:
    synthesise(labels, CAT, counts, tmp_path)
    for stars, window in ((labels[:5], CAT), (labels + 1, CAT), (labels, WINDOWS["hr15n"])):
        with pytest.raises(InvalidInput, match="other stars"):
            synthesise(stars, window, counts, tmp_path)


def test_a_note_of_the_stars_that_cannot_be_read_claims_nothing(labels, tmp_path: Path) -> None:
    synthesise(labels, CAT, counts, tmp_path)
    note = tmp_path / "labels.npz"
    note.write_bytes(note.read_bytes()[:100])
    with pytest.raises(InvalidInput, match="other stars"):
        synthesise(labels, CAT, counts, tmp_path)


def test_after_a_kill_only_the_star_in_work_is_made_again(labels, tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", labels)
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        import numpy as np
        from stellarnb.training.synthesis import WINDOWS, synthesise
        def make(star):
            if star[0] == 5780:
                os.kill(os.getpid(), signal.SIGKILL)
            return np.full(WINDOWS["cat"].n_pixels, star[0], np.uint16)
        folder = Path(sys.argv[1])
        synthesise(np.load(folder / "labels.npy"), WINDOWS["cat"], make, folder / "parts")
        """
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert killed.returncode == -9
    made = []

    def make(star):
        made.append(int(star[0]))
        return counts(star)

    results = synthesise(labels, CAT, make, tmp_path / "parts")
    assert made == [5780, 5781, 5782]
    assert results.flux[:, 0].tolist() == labels[:, 0].tolist()


def test_ctrl_c_says_what_is_kept(labels, tmp_path: Path, monkeypatch) -> None:
    def stop(futures):
        done = sorted(futures, key=futures.get)
        done[0].result()
        yield done[0]
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "as_completed", stop)
    with pytest.raises(Interrupted, match="1 of 6 stars are done"):
        synthesise(labels, CAT, counts, tmp_path)
    assert (tmp_path / "000000.npy").is_file()


@pytest.mark.parametrize(
    "labels", [np.ones((2, 13)), np.ones(14), np.ones((0, 14)), np.full((2, 14), "5777")]
)
def test_what_are_no_labels_is_refused(labels, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        synthesise(labels, CAT, counts, tmp_path)


def test_no_worker_is_refused(labels, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="0 workers"):
        synthesise(labels, CAT, counts, tmp_path, workers=0)


# Turbospectrum's part is taken by scripts here: what they are given and what they leave is checked.

BSYN = """#!/bin/sh
cat > asked
test -e DATA/Hlinedata && test -s atoms && test -s opacities || exit 3
step=0
while [ $step -le 10 ]; do
    printf '   6446.%02d0    0.%05d  1.0E+06\\n' $((step * 5)) $((90000 + step))
    step=$((step + 1))
done > spectrum
"""


@pytest.fixture
def tools(tmp_path: Path):
    networks = {f"w_array_{i}": np.zeros((4, 4)) for i in range(3)}
    networks |= {f"b_array_{i}": np.ones(4) for i in range(3)}
    networks |= {"x_min": np.zeros(4), "x_max": np.ones(4)}
    limits = np.array([[2500, 8000], [-1, 5.5], [-4, 1.5], [-0.2, 0.6]])
    home = tmp_path / "tools"
    (home / "data").mkdir(parents=True)
    (home / "data" / "Hlinedata").touch()
    (home / "atoms.list").write_text("'  26.000 ' 1 1\n'Fe I'\n  6446.100  4.796 -0.843\n")
    scripts = {"babsma_lu": "#!/bin/sh\ncat > opacities\n", "bsyn_lu": BSYN}
    for name, text in scripts.items():
        (home / name).write_text(text)
        (home / name).chmod(0o755)
    return Tools(
        home / "babsma_lu",
        home / "bsyn_lu",
        home / "data",
        home / "atoms.list",
        Atmospheres((networks,) * 8, limits),
        (),
    )


def test_a_star_goes_through_both_programs_and_leaves_nothing(tools, tmp_path: Path) -> None:
    make = Synthesis.prepare(tools, SMALL, tmp_path)
    before = set(tmp_path.iterdir())
    flux = make(SUN)
    assert flux.tolist() == np.rint(45_000 + 0.5 * np.arange(11)).tolist()
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("#!/bin/sh\ncat > /dev/null; echo 'STOP: bad model' >&2\n", "no spectrum.*bad model"),
        ("#!/bin/sh\ncat > /dev/null; echo why; exit 2\n", "ended with 2: why"),
        ("#!/bin/sh\ncat > /dev/null; echo '6446.000 1.0' > spectrum\n", "1 of 11 pixels"),
        ("#!/bin/sh\nexec sleep 60\n", "took over 0.3 s"),
    ],
    ids=["no spectrum", "exit status", "cut short", "too slow"],
)
def test_a_program_that_fails_is_the_stars_reason(tools, tmp_path, script, words) -> None:
    tools.bsyn.write_text(script)
    make = Synthesis.prepare(tools, SMALL, tmp_path, time_limit=0.3)
    with pytest.raises(InvalidInput, match=words):
        make(SUN)


def test_a_program_that_cannot_be_run_ends_everything(tools, tmp_path: Path) -> None:
    tools.babsma.chmod(0o644)
    with pytest.raises(OutputError, match="cannot be run"):
        Synthesis.prepare(tools, SMALL, tmp_path)(SUN)


def test_outside_the_atmospheres_nothing_is_extrapolated(tools, tmp_path: Path) -> None:
    make = Synthesis.prepare(tools, SMALL, tmp_path)
    for column, value, words in ((0, 8100, "teff 8100"), (13, np.nan, "no value of a_li")):
        star = SUN.copy()
        star[column] = value
        with pytest.raises(InvalidInput, match=words):
            make(star)


def test_the_file_has_the_form_of_the_given_nodes(tools, tmp_path: Path, labels) -> None:
    out = tmp_path / "new" / "nodes.npz"
    make_nodes(labels, SMALL, tools, out, workers=2, show=False)
    nodes = load_nodes(out)
    assert nodes.names == LABELS
    assert np.array_equal(nodes.labels, labels)
    assert np.array_equal(nodes.wavelength, SMALL.wavelength)
    assert nodes.flux.shape == (6, 11)
    with np.load(out) as file:
        assert file["flux"].dtype == np.uint16
        assert file["labels"].dtype == np.float32
    assert list(out.parent.iterdir()) == [out]


def test_failed_stars_are_left_out_listed_and_tried_again(tools, tmp_path, labels) -> None:
    labels[2, 0] = 9000
    out = tmp_path / "nodes.npz"
    results = make_nodes(labels, SMALL, tools, out, show=False)
    assert list(results.failed) == [2]
    assert len(load_nodes(out).labels) == 5
    row = json.loads((tmp_path / "nodes.npz.failed.jsonl").read_text())
    assert row["star"] == 2
    assert "teff 9000" in row["reason"]
    tools.bsyn.write_text("#!/bin/sh\nexit 1\n")  # nothing that is done needs it again
    assert list(make_nodes(labels, SMALL, tools, out, show=False).failed) == [2]


def test_where_every_star_fails_no_file_is_written(tools, tmp_path, labels) -> None:
    labels[:, 0] = 9000
    with pytest.raises(InvalidInput, match="None of the 6 stars"):
        make_nodes(labels, SMALL, tools, tmp_path / "nodes.npz", show=False)
    assert not (tmp_path / "nodes.npz").exists()


def test_a_whole_file_is_not_overwritten(tools, tmp_path, labels) -> None:
    out = tmp_path / "nodes.npz"
    make_nodes(labels, SMALL, tools, out, show=False)
    with pytest.raises(InvalidInput, match="there already"):
        make_nodes(labels, SMALL, tools, out, show=False)


def test_two_runs_do_not_share_a_folder(tools, tmp_path, labels) -> None:
    out = tmp_path / "nodes.npz"
    parts = tmp_path / "nodes.npz.parts"
    parts.mkdir()
    with FileLock(parts / "in use.lock"), pytest.raises(InvalidInput, match="Another run"):
        make_nodes(labels, SMALL, tools, out, show=False)


def given_nodes(labels, off: int) -> Nodes:
    flux = np.tile((0.9 + np.arange(11) * 1e-5).astype(np.float32), (len(labels), 1))
    flux = np.rint(flux * UNIT) + off
    held_out = np.zeros(len(labels), bool)
    return Nodes(LABELS, labels, SMALL.wavelength, (flux / UNIT).astype(np.float32), held_out)


@pytest.mark.parametrize(("off", "meets"), [(0, True), (100, False)])
def test_the_check_meets_its_limit_only_where_nodes_agree(tools, labels, off, meets) -> None:
    rows = check.check_nodes(given_nodes(labels, off), 3, SMALL, tools, workers=1, show=False)
    assert len(rows) == 4
    assert rows[-1]["n"] == 3
    assert rows[-1]["meets"] is meets
    assert rows[-1]["rms"] == pytest.approx(off / UNIT * 100, abs=0.003)


def test_one_node_that_is_off_fails_the_check_among_many(tools, labels) -> None:
    nodes = given_nodes(labels, 0)
    nodes.flux[4] += 4 / UNIT
    rows = check.check_nodes(nodes, 6, SMALL, tools, workers=1, show=False)
    assert rows[-1]["rms"] < check.RMS_LIMIT < rows[-1]["worst_rms"]
    assert rows[-1]["meets"] is False


def test_a_node_that_cannot_be_made_fails_the_check(tools, labels) -> None:
    labels[5, 0] = 9000
    rows = check.check_nodes(given_nodes(labels, 0), 6, SMALL, tools, workers=1, show=False)
    assert rows[-1]["meets"] is False
    assert rows[-1]["failed"] == 1
    failed = next(row for row in rows if row["node"] == 5)["failed"]
    assert failed.startswith("no atmosphere")


def test_nodes_of_another_window_are_not_compared(tools, labels) -> None:
    with pytest.raises(InvalidInput, match="window cat"):
        check.check_nodes(given_nodes(labels, 0), 1, CAT, tools, show=False)
    for n in (0, 7):
        with pytest.raises(InvalidInput, match="--check"):
            check.check_nodes(given_nodes(labels, 0), n, SMALL, tools, show=False)
