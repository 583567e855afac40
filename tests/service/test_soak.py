"""A short soak; `.ci/run` does the long one."""

import sys

import pytest

from tools.soak import soak


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_restart_under_load_loses_no_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert soak(callers=16, seconds=4), capsys.readouterr().out
