"""What the long checks with real bots share."""

import pytest

from tests.support.rest import Rest


@pytest.fixture(scope="module")
def rest():
    """freqtrade's REST API for the bots of one file."""
    return Rest.on_a_free_port()
