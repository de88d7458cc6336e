"""What goes into a synthesis and what comes out, without any of the programs that make it."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.training.emulate.recipe import UNIT, Nodes
from stellarnb.training.synthesis import LABELS, WINDOWS, draw_labels
from stellarnb.training.synthesis.__main__ import read_labels
from stellarnb.training.synthesis.check import spread
from stellarnb.training.synthesis.draw import DOMAIN, read_survey
from stellarnb.training.synthesis.engine import parse_spectrum
from stellarnb.training.synthesis.inputs import babsma_text, bsyn_text
from stellarnb.training.synthesis.lines import atomic_lines, molecular_lines
from stellarnb.training.synthesis.recipe import abundances, carbon_isotopes, window_named

CAT, HR15N = WINDOWS["cat"], WINDOWS["hr15n"]
STAR = dict(zip(LABELS, (4711.9, 3.4, -0.8, 0.2, 1.6, *[0.1] * 8, 1.1), strict=True))

ATOMS = """'   3.000            '    1         1
'Li I    LTE'
  6707.764  0.000 -0.002  346.236    4.0  3.63E+07 's' 'p'   0.0    1.0 'Li I'
'  26.000            '    1         3
'Fe I'
  6443.000  4.796 -0.843   -7.520    5.0  2.57E+08  0.000  'p' 'd'   0.0    1.0 'edge'
  6539.005  4.796 -0.843   -7.520    5.0  2.57E+08  0.000  'p' 'd'   0.0    1.0 'too deep'
  6711.820  4.956 -0.880   -7.310    7.0  4.68E+08  0.000  'p' 's'   0.0    1.0 'too deep'
'  26.000            '    1         1
'Fe I'
  6724.091  4.956 -0.880   -7.310    7.0  4.68E+08  0.000  'p' 's'   0.0    1.0 'too deep'
'  26.000            '    2         1
'Fe II'
  6539.005  4.796 -0.843   -7.520    5.0  2.57E+08  0.000  'p' 'd'   0.0    1.0 'an ion'
'  12.000            '    1         2
'Mg I'
  6442.900  5.753 -3.530    2.500    7.0  1.00E+05 'd' 'f'   0.0    1.0 'outside'
  6765.450  5.753 -3.530    2.500    7.0  1.00E+05 'd' 'f'   0.0    1.0 'too deep'
"""
CN = """  6400.000 607.01214     0.599    -2.547               7.724          0402Qc0195
  6450.012 607.01214     0.599    -2.547               7.724          0402Qc0195
  6450.105 607.01314     2.740    -3.832               7.724          1511Pb0295
  6450.131 607.01214     1.801    -3.310               7.724          0603Pc0675
"""


@pytest.mark.parametrize(
    ("window", "n", "last"), [(CAT, 6334, 8791.98), (HR15N, 7361, 6814.0)], ids=["cat", "hr15n"]
)
def test_a_window_has_the_pixels_of_the_given_nodes(window, n: int, last: float) -> None:
    assert window.n_pixels == len(window.wavelength) == n
    assert window.wavelength[[0, -1]].tolist() == [window.low, last]


def test_an_unknown_window_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cat, hr15n"):
        window_named("blue")


def test_the_sun_has_the_abundances_of_the_solar_scale() -> None:
    sun = dict.fromkeys(LABELS, 0.0) | {"a_li": 1.05}
    wanted = {3: 1.05, 6: 8.39, 7: 7.78, 12: 7.53, 13: 6.37, 14: 7.51, 20: 6.31, 22: 4.90, 28: 6.23}
    assert abundances(sun) == wanted


def test_an_abundance_counts_from_iron_but_lithium_from_hydrogen() -> None:
    star = dict.fromkeys(LABELS, 0.0) | {"fe_h": -1.0, "mg_fe": 0.3, "a_li": 2.2}
    assert abundances(star)[12] == pytest.approx(7.53 - 1.0 + 0.3)
    assert abundances(star)[3] == 2.2


@pytest.mark.parametrize(("logg", "ratio"), [(3.29, 19), (3.3, 90)])
def test_only_giants_have_mixed_their_carbon(logg: float, ratio: float) -> None:
    light, heavy = carbon_isotopes(logg)
    assert light + heavy == pytest.approx(1)
    assert light / heavy == pytest.approx(ratio)


def test_babsma_reads_the_window_the_composition_and_vmic() -> None:
    rows = babsma_text(STAR, CAT).splitlines()
    assert rows[:3] == [
        "'LAMBDA_MIN:'  '8412.0'",
        "'LAMBDA_MAX:'  '8792.0'",
        "'LAMBDA_STEP:'  '0.06'",
    ]
    assert "'METALLICITY:'  '-0.800'" in rows
    assert "'ALPHA/Fe:'  '0.200'" in rows
    at = rows.index("'INDIVIDUAL ABUNDANCES:'  '9'")
    assert rows[at + 1] == "3  1.100"
    assert rows[at + 4] == "12  6.830"
    assert rows[-2:] == ["'XIFIX:'  'T'", "1.600000"]


def test_bsyn_reads_all_lithium_as_seven_and_the_lists_in_order() -> None:
    rows = bsyn_text(STAR, HR15N, ["DATA/Hlinedata", "atoms"]).splitlines()
    at = rows.index("'ISOTOPES:'  '4'")
    assert rows[at + 1 : at + 5] == [
        "3.006  0.0",
        "3.007  1.0",
        "6.012  0.989011",
        "6.013  0.010989",
    ]
    assert rows[at + 5 : at + 8] == ["'NFILES:'  '2'", "DATA/Hlinedata", "atoms"]
    assert rows[at + 8] == "'SPHERICAL:'  'F'"


def test_the_atomic_list_is_cut_and_loses_the_removed_lines_alone() -> None:
    rows = atomic_lines(ATOMS, HR15N).splitlines()
    kept = [row.rsplit("'", 2)[1] for row in rows if row.startswith("  6")]
    assert kept == ["Li I", "edge", "an ion"]
    headers = [row.split("'") for row in rows if row.endswith(tuple("0123456789"))]
    assert [(h[1].strip(), h[2].split()) for h in headers] == [
        ("3.000", ["1", "1"]),
        ("26.000", ["1", "1"]),
        ("26.000", ["2", "1"]),
    ]


def test_a_list_without_the_lines_to_remove_is_not_the_right_one() -> None:
    with pytest.raises(InvalidInput, match=r"28\.000 at 8501\.796"):
        atomic_lines(ATOMS, CAT)


@given(st.integers(min_value=1, max_value=len(ATOMS.splitlines()) - 1))
def test_a_list_that_is_cut_short_is_refused(n: int) -> None:
    with pytest.raises(InvalidInput, match=r"cut short|lacks"):
        atomic_lines("\n".join(ATOMS.splitlines()[:n]), HR15N)


def test_molecules_are_sorted_by_isotopologue() -> None:
    rows = molecular_lines(gzip.compress(CN.encode()), HR15N).splitlines()
    headers = [row.split("'") for row in rows if row.startswith("'0")]
    assert [(h[1].strip(), h[2].split()) for h in headers] == [
        ("0607.012014", ["1", "2"]),
        ("0607.013014", ["1", "1"]),
    ]
    assert rows[2].split()[:3] == ["6450.012", "0.599", "-2.547"]


@pytest.mark.parametrize(
    "data",
    [b"", CN.encode(), gzip.compress(b"  6450.012 822.0\n"), gzip.compress(CN.encode())[:60]],
    ids=["empty", "not gzipped", "another molecule", "cut short"],
)
def test_what_is_no_molecular_list_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="molecular"):
        molecular_lines(data, HR15N)


def spectrum(flux) -> str:
    rows = (f"{w:11.3f} {f:10.5f}  1.00000E+06" for w, f in zip(CAT.wavelength, flux, strict=True))
    return "\n".join(rows)


def test_a_spectrum_is_read_to_the_last_digit_and_ties_go_to_even() -> None:
    flux = np.linspace(0.1, 1.0, CAT.n_pixels).round(5)
    flux[:4] = 0.50001, 0.50003, 1.0, 0.0
    counts = parse_spectrum(spectrum(flux), CAT)
    assert counts.dtype == np.uint16
    assert counts[:4].tolist() == [25000, 25002, 50000, 0]
    assert np.abs(counts / UNIT - flux).max() <= 1.0001e-5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "0 of 6334"),
        (spectrum(np.ones(CAT.n_pixels))[:-40], "6333 of 6334"),
        (spectrum(np.ones(CAT.n_pixels)).replace("8500.020", "8500.080"), "other wavelengths"),
        (spectrum(np.full(CAT.n_pixels, np.nan)), "not between"),
        (spectrum(np.full(CAT.n_pixels, -0.1)), "not between"),
        (spectrum(np.full(CAT.n_pixels, 1.4)), "not between"),
        (spectrum(np.ones(CAT.n_pixels)).replace("1.00000 ", "******* "), "cannot be read"),
    ],
)
def test_a_broken_spectrum_is_refused_and_says_why(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse_spectrum(text, CAT)


@pytest.fixture
def survey() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "teff": rng.normal(4800, 300, 400),
            "logg": rng.normal(2.5, 0.5, 400),
            "fe_h": rng.normal(-0.2, 0.2, 400),
            "alpha_m": np.where(np.arange(400) % 2, np.nan, 0.25),
            "a_li": np.where(np.arange(400) % 2, np.nan, 3.9),
        }
    )


def test_the_same_seed_draws_the_same_labels_and_another_others(survey) -> None:
    first = draw_labels(50, 3, [survey])
    assert first.dtype == np.float32
    assert np.array_equal(first, draw_labels(50, 3, [survey]))
    assert not np.array_equal(first, draw_labels(50, 4, [survey]))


@given(st.integers(1, 60), st.integers(0, 2**32))
def test_labels_stay_in_the_domain(n: int, seed: int) -> None:
    table = pd.DataFrame({"teff": [3900.0, 7500.0], "logg": [0.1, 5.1], "fe_h": [-2.9, 0.6]})
    labels = draw_labels(n, seed, [table, table])
    assert labels.shape == (n, 14)
    assert np.isfinite(labels).all()
    for name, (low, high) in DOMAIN.items():
        column = labels[:, LABELS.index(name)]
        assert (column >= np.float32(low)).all()
        assert (column <= np.float32(high)).all()


def test_most_stars_lie_near_the_survey_and_some_far_from_it(survey) -> None:
    labels = dict(zip(LABELS, draw_labels(4000, 0, [survey]).T, strict=True))
    near = np.abs(labels["fe_h"] + 0.2) < 4 * np.hypot(0.2, 0.1)
    assert 0.77 < near.mean() < 0.87
    poor = (labels["fe_h"] > -2.75) & (labels["fe_h"] < -1.4)
    assert 0.14 < poor.mean() < 0.19  # the eighth on purpose, and four tenths of the wide box
    dwarfs = labels["logg"] > 4.2
    assert dwarfs.mean() > 0.05  # none in the survey


def test_elements_follow_the_rules_of_the_given_nodes(survey) -> None:
    labels = dict(zip(LABELS, draw_labels(4000, 0, [survey]).T, strict=True))
    assert np.std(labels["mg_fe"] - labels["alpha_m"]) == pytest.approx(0.07, abs=0.005)
    giants = labels["logg"] < 3.3
    assert labels["c_fe"][giants].mean() == pytest.approx(-0.15, abs=0.02)
    assert labels["n_fe"][~giants].mean() == pytest.approx(0.0, abs=0.02)


def test_a_survey_with_lithium_gives_its_own(survey) -> None:
    lithium = draw_labels(4000, 0, [survey])[:, LABELS.index("a_li")]
    assert (lithium > 3.65).mean() == pytest.approx(0.775 / 2, abs=0.04)


@pytest.mark.parametrize(("n", "seed", "surveys"), [(0, 0, 1), (5, -1, 1), (5, 0, 0)])
def test_nothing_to_draw_is_refused(survey, n: int, seed: int, surveys: int) -> None:
    with pytest.raises(InvalidInput):
        draw_labels(n, seed, [survey] * surveys)


@pytest.mark.parametrize(
    "header", ["Teff,logg,FeH,alphaM", "TEFF,LOGG,FEH,LI1", "teff,logg,fe_h,x"]
)
def test_a_survey_is_read_whatever_its_spelling(tmp_path: Path, header: str) -> None:
    path = tmp_path / "survey.csv"
    path.write_text(f"{header}\n5000,4.4,0.1,0.2\n9000,4.4,0.1,0.2\n5000,,0.1,0.2\n")
    stars = read_survey(path)
    assert stars[["teff", "logg", "fe_h"]].to_numpy().tolist() == [[5000, 4.4, 0.1]]
    assert set(stars) - {"teff", "logg", "fe_h"} <= {"alpha_m", "a_li"}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Teff,logg\n5000,4\n", MissingInput),
        ("Teff,logg,FeH\n", InvalidInput),
        ("", InvalidInput),
        (None, MissingInput),
    ],
)
def test_what_is_no_survey_is_refused(tmp_path: Path, text: str | None, error) -> None:
    path = tmp_path / "survey.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(error, match="survey"):
        read_survey(path)


def test_labels_are_read_by_name(tmp_path: Path) -> None:
    labels = np.arange(28.0).reshape(2, 14)
    np.save(tmp_path / "a.npy", labels)
    np.savez(tmp_path / "b.npz", labels=labels[:, ::-1], names=np.array(LABELS[::-1]))
    for name in ("a.npy", "b.npz"):
        assert np.array_equal(read_labels(tmp_path / name), labels)


def test_labels_by_other_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.npz"
    np.savez(path, labels=np.ones((2, 14)), names=np.array([*LABELS[:-1], "rv"]))
    with pytest.raises(InvalidInput, match="a_li"):
        read_labels(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_labels(path)
    path.write_bytes(b"no labels")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_labels(path)
    with pytest.raises(MissingInput):
        read_labels(tmp_path / "none.npy")


def test_the_checked_nodes_are_spread_and_differ() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((200, 14), np.float32)
    labels[:, :3] = rng.normal((5000, 3, -0.5), (100, 0.1, 0.1), (200, 3))
    labels[7, :3], labels[8, :3] = (6500, 3, -0.5), (5000, 3, -2.5)
    nodes = Nodes(LABELS, labels, CAT.wavelength, np.zeros((200, 0)), np.zeros(200, bool))
    chosen = spread(nodes, 5)
    assert len(set(chosen)) == 5
    assert {7, 8} <= set(chosen[1:3])
