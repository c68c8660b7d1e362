"""What the checks with a real freqtrade share."""

import pytest

from freqtrade_balance_guard.integration.host.relied_on import unwrap_all
from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from tests.support.doubled import mock_exchange
from tests.support.workspace import Workspace


@pytest.fixture(scope="session")
def market_server():
    """A sandbox that only tells markets: enough for freqtrade's offline commands."""
    with Sandbox.start(Scenario.default()) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def workspace(market_server, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A user's folder with candles; each test writes the config and the strategy it needs."""
    folder = tmp_path_factory.mktemp("user_data")
    workspace = Workspace(folder, market_server.freqtrade_exchange())
    workspace.write_candles(days=10)
    return workspace


@pytest.fixture
def mocked_exchange(mocker):
    yield mock_exchange(mocker)
    # The next test may start a bot without a guard in this process.
    unwrap_all()
