import os
from pathlib import Path

import pytest

from stellarnb.errors import InvalidInput
from stellarnb.settings import settings


def test_defaults_need_no_environment() -> None:
    got = settings({})
    assert got.mirrors == ()
    assert not got.offline
    assert got.device is None
    assert got.cache.name == "stellarnb"


def test_each_variable_is_read() -> None:
    env = {
        "STELLARNB_CACHE": "/c",
        "STELLARNB_MIRROR": os.pathsep.join(["/a", "/b", ""]),
        "STELLARNB_OFFLINE": "Yes",
        "STELLARNB_DEVICE": "cpu",
    }
    got = settings(env)
    assert (got.cache, got.mirrors) == (Path("/c"), (Path("/a"), Path("/b")))
    assert (got.offline, got.device) == (True, "cpu")


def test_a_misspelt_switch_is_refused() -> None:
    with pytest.raises(InvalidInput, match="STELLARNB_OFFLINE"):
        settings({"STELLARNB_OFFLINE": "maybe"})
