import numpy as np
import pytest

from stellarnb.cartography import Bins
from stellarnb.errors import InvalidInput, MissingInput


def test_the_bins_are_those_of_the_papers_unless_others_are_wanted():
    assert Bins().shape == (3, 6)
    assert len(list(Bins())) == len(Bins()) == 18
    assert Bins().title(2, 0) == "3 < R < 5, 1 < |Z| < 2 kpc"
    assert Bins((0, 8, np.inf), (0, 1)).title(0, 1) == "R > 8, 0 < |Z| < 1 kpc"


def test_a_star_belongs_to_the_bin_that_begins_at_its_place():
    r = np.array([3.0, 4.999, 5.0, 15.0, 2.999, 8.0, np.nan, 8.0, np.inf])
    z = np.array([0.0, -0.5, 1.999, 0.0, 0.0, 2.0, 0.0, np.nan, 0.0])
    assert Bins().codes({"R": r, "Z": z}).tolist() == [0, 6, 13, -1, -1, -1, -1, -1, -1]


def test_the_last_bin_may_be_open():
    assert Bins((0.0, np.inf), (0.0, np.inf)).codes({"R": [1e30], "Z": [-1e30]}).tolist() == [0]


@pytest.mark.parametrize(
    "edges",
    [{"r": (5, 3)}, {"r": (3,)}, {"z": (-1, 1)}, {"z": (0, np.nan)}, {"r": tuple(range(400))}],
)
def test_bins_that_are_none_are_refused(edges):
    with pytest.raises(InvalidInput, match="bins in"):
        Bins(**edges)


def test_a_table_without_places_is_told_so():
    with pytest.raises(MissingInput, match="'R'"):
        Bins().codes({"m_h": [0.0]})
