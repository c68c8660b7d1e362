"""``--exchange`` against a real exchange: what it is asked, and what is made of its answers."""

import json
from decimal import Decimal

import pytest

from freqtrade_balance_guard.balances.snapshot import Holding
from freqtrade_balance_guard.cli.main import main
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.console.bot_source import NotPossible
from freqtrade_balance_guard.integration.console.config import load_config
from freqtrade_balance_guard.integration.console.exchange import ExchangeQuestions
from freqtrade_balance_guard.orders.client_ids import ClientIds
from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from tests.support.ledger import made, order


D = Decimal
PAIR = "BTC/USDT"


@pytest.fixture(scope="module")
def sandbox():
    accounts = [{"name": "main", "balances": {"USDT": "1000"}}]
    with Sandbox.start(Scenario.model_validate({"accounts": accounts})) as sandbox:
        yield sandbox


@pytest.fixture
def questions(registry, sandbox):
    """The exchange of a config on the sandbox, as ``--exchange`` asks it."""
    exchange = sandbox.freqtrade_exchange()
    exchange["ccxt_config"] = {**exchange["ccxt_config"], "enableRateLimit": False}
    registry.config = {"exchange": exchange}
    config = load_config([str(registry.write_config())], str(registry.userdir))
    return ExchangeQuestions(config, ManualClock(registry.clock.wall()))


@pytest.fixture
def api(questions):
    """The exchange below it, for orders that a bot would have sent."""
    api = questions._exchange._api
    yield api
    for one in api.fetch_open_orders():
        api.cancel_order(one["id"])


def client_order_id():
    return ClientIds.of("kraken", "spot").make("aaaa")


def reserved(registry, cost, name, order_id=None, **more):
    bot = registry.bot(silent_for=300)
    request = order(bot, cost, pair=PAIR, client_order_id=name, **more)
    made(bot.reserve(request))
    bot.send(name)
    if order_id:
        bot.bind(name, order_id)
    return bot.find(name)


def rest(api, name, amount=0.001, price=20000):
    return api.create_order(PAIR, "limit", "buy", amount, price, {"clientOrderId": name})["id"]


def test_balances_and_open_orders_come_exact(questions, api):
    name = client_order_id()
    number = rest(api, name)
    view = questions.view([])
    (found,) = view.orders
    assert (found.order_id, found.pair, found.side) == (number, PAIR, "buy")
    assert (found.amount, found.filled, found.price) == (D("0.001"), 0, 20000)
    assert (found.currency, found.locked) == ("USDT", 20)
    held = view.holdings["USDT"]
    assert isinstance(held, Holding) and held.total == 1000 and held.used >= 20


def test_an_order_is_found_by_either_id_resting_or_cancelled(registry, questions, api):
    name = client_order_id()
    row = reserved(registry, 21, name)
    assert questions.find(row) is None
    number = rest(api, name)
    assert questions.find(row).order_id == number
    bound = row._replace(order_id=number)
    assert questions.find(bound).status == "open"
    api.cancel_order(number)
    for one in (row, bound):
        found = questions.find(one)
        assert (found.order_id, found.status, found.filled) == (number, "canceled", 0)


def test_an_exchange_that_does_not_answer_is_no_answer(questions, sandbox):
    sandbox.control.fault("http_status", endpoint="OpenOrders", status=502)
    try:
        with pytest.raises(NotPossible, match="open orders cannot be read"):
            questions.view([])
    finally:
        sandbox.control.clear_faults()


def typed(registry, capsys, *words):
    with pytest.raises(SystemExit) as end:
        main(
            [*words, "-c", str(registry.folder / "config.json"), "--userdir", str(registry.userdir)]
        )
    printed = capsys.readouterr()
    return int(end.value.code or 0), printed.out, printed.err


def test_reconcile_and_release_as_a_user_types_them(registry, questions, api, capsys):
    resting, lost = client_order_id(), client_order_id()
    number = rest(api, resting)
    one, other = reserved(registry, 20, resting, number), reserved(registry, 30, lost)
    code, out, err = typed(registry, capsys, "reconcile", "--exchange", "--json")
    found = {(d["kind"], d["subject"]) for d in json.loads(out)["differences"]}
    assert code == 1 and ("no_open_order", lost) in found, err
    assert not {kind for kind, _ in found} & {"order_without_reservation", "used_differs"}

    release = ("reservations", "release", "--exchange", "--yes")
    code, _, err = typed(registry, capsys, *release, str(one.id))
    assert code == 1 and f"the exchange has it as order {number} (open" in err
    code, _, err = typed(registry, capsys, *release, str(other.id))
    assert code == 0 and "Released: 30 USDT" in err, err


def test_a_bot_that_runs_with_another_key_does_not_hinder(registry, questions, api, capsys):
    registry.bot("other-bbbb", key="bbbbbbbbbbbb")
    code, out, err = typed(registry, capsys, "reconcile", "--exchange", "--json")
    assert (code, json.loads(out)["differences"]) == (0, []), err
