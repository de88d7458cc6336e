import pytest

from stellarnb.cartography import mock_milky_way
from stellarnb.tables import Labels


@pytest.fixture(scope="session")
def galaxy() -> Labels:
    """The mock Milky Way in its full size."""
    return mock_milky_way()


@pytest.fixture(scope="session")
def some() -> Labels:
    """A small mock Milky Way."""
    return mock_milky_way(20_000, seed=5)
