"""Random bots, a bad network, crashes and jumping clocks: I1 to I4 hold after every step.

The machine is also let loose on ledgers with a fault put in: it has to find each of them.
"""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from freqtrade_balance_guard.ledger import (
    UNFINISHED,
    AlreadyEnded,
    Conflict,
    Funds,
    Move,
    Moved,
    NotAllowed,
    NotReserved,
    Request,
    Reserved,
    State,
    Step,
)
from freqtrade_balance_guard.money import ZERO
from tests.property.ledger_world import FLOOR, World
from tests.support.ledger import postgres_server, server_folder


BOTS = st.integers(0, World.bots_number - 1)
NUMBER = st.integers(0, 10**6)
AMOUNT = st.sampled_from([Decimal(n) for n in ("0.1", "1", "7", "20", "33.3", "47.5", "80")])
SHARE = st.sampled_from([Decimal(n) for n in ("0", "0.1", "0.5", "1")])
DEALS = st.sampled_from(
    [
        [],
        ["accepted"],
        ["filled"],
        ["accepted", "filled", "filled"],
        ["filled", "accepted", "filled", "ended"],
        ["accepted", "ended"],
        ["filled", "ended", "accepted", "ended"],
    ]
)
ACCOUNT = st.sampled_from([0, 1])


class Machine(RuleBasedStateMachine):
    """Each rule is one thing that can happen."""

    kinds = ("memory", "sqlite")
    store_class = None
    steps = 0

    def __init__(self):
        super().__init__()
        self.world = World(self.kinds, self.store_class)

    # A bot decides and sends

    @rule(bot=BOTS, account=ACCOUNT, amount=AMOUNT, second=st.none() | AMOUNT)
    def reserve(self, bot, account, amount, second):
        bot = self.world.bots[bot]
        wanted = [(self.world.accounts[account], amount)]
        if second is not None:
            wanted.append((self.world.accounts[1 - account], second))
        # A pair of legs is asked for with the older of the two snapshots.
        mark = min(bot.believed[name][1] for name, _ in wanted)
        self.ask(bot, [self.leg(bot, name, part) for name, part in wanted], mark)

    def leg(self, bot, account, amount):
        funds = Funds(bot.believed[account][0], FLOOR, 0)
        number = self.world.new_id()
        return Request(number, account, "COIN/USDT", "buy", "USDT", amount, funds)

    def ask(self, bot, legs, mark):
        answer = bot.twins.reserve(legs, mark)
        assert isinstance(answer, Reserved | NotReserved)
        for leg in legs:
            if isinstance(answer, Reserved):
                self.world.makers[leg.client_order_id] = bot.twins.process
            else:
                assert bot.twins.find(leg.client_order_id) is None
        bot.asked.append((legs, mark, type(answer).__name__))
        return answer

    @rule(bot=BOTS, account=ACCOUNT, amount=AMOUNT, share=SHARE, reports=DEALS)
    def deal(self, bot, account, amount, share, reports):
        """The usual way of an order, as far as ``reports`` goes; some arrive twice or never."""
        bot, account = self.world.bots[bot], self.world.accounts[account]
        leg = self.leg(bot, account, amount)
        if not isinstance(self.ask(bot, [leg], bot.believed[account][1]), Reserved):
            return
        one = leg.client_order_id
        self.world.sent.add(one)
        bot.twins.send(one)
        bot.wire.append((one, account, amount))
        self.arrive_at_once(bot)
        order = self.world.exchange.orders[one]
        for what in reports:
            if what == "filled" and order.open:
                self.world.exchange.fill(one, share)
            if what == "ended" and order.open:
                self.world.exchange.end(one)
            if what == "accepted" or order.filled or what == "ended":
                self.learn(bot, what, one, order.filled)

    @rule(bot=BOTS, which=NUMBER)
    def ask_again(self, bot, which):
        bot = self.world.bots[bot]
        if bot.asked:
            legs, mark, first = bot.asked[which % len(bot.asked)]
            answer = bot.twins.reserve(legs, mark)
            assert type(answer).__name__ == first, "another answer to the same question"
            assert answer.replayed

    @rule(bot=BOTS, which=NUMBER)
    def ask_for_something_else_under_a_known_id(self, bot, which):
        bot = self.world.bots[bot]
        made = [one for one in bot.asked if one[2] == "Reserved"]
        if made:
            legs, mark, _ = made[which % len(made)]
            other = [leg._replace(amount=leg.amount + 1) for leg in legs]
            assert isinstance(bot.twins.reserve(other, mark), Conflict)

    @rule(bot=BOTS, which=NUMBER, arrives=st.booleans())
    def send(self, bot, which, arrives):
        bot = self.world.bots[bot]
        rows = self.world.rows(bot, bot=bot.name, states=[State.RESERVED, State.IN_FLIGHT])
        if rows:
            row = rows[which % len(rows)]
            through = bot.twins.send(row.client_order_id)
            assert isinstance(through, Moved) is (row.state is State.RESERVED)
            if isinstance(through, Moved):
                self.world.sent.add(row.client_order_id)
                bot.wire.append((row.client_order_id, row.account, row.requested))
                if arrives:
                    self.arrive_at_once(bot)

    def arrive_at_once(self, bot):
        client_order_id, account, amount = bot.wire.pop()
        self.world.exchange.accept(client_order_id, account, amount)
        bot.reports.append(("accepted", client_order_id, ZERO))

    @rule(bot=BOTS, which=NUMBER, move=st.sampled_from([Move.COMMIT, Move.RELEASE, Move.SEND]))
    def clean_up_what_has_ended(self, bot, which, move):
        bot = self.world.bots[bot]
        ended = list(self.world.ended)
        if ended:
            step = Step(move, ended[which % len(ended)], total=Decimal(1))
            (result,) = bot.twins.settle(step)
            assert isinstance(result, AlreadyEnded), "I2: it ended twice"

    # The network and the exchange

    @rule(bot=BOTS)
    def arrive(self, bot):
        bot = self.world.bots[bot]
        if bot.wire:
            bot.wire.insert(0, bot.wire.pop())
            self.arrive_at_once(bot)

    @rule(which=NUMBER, share=SHARE, ends=st.booleans(), told=st.booleans())
    def trade(self, which, share, ends, told):
        exchange = self.world.exchange
        resting = [one for one, order in exchange.orders.items() if order.open]
        if not resting:
            return
        one = resting[which % len(resting)]
        exchange.fill(one, share)
        owner = next(bot for bot in self.world.bots if bot.name == self.owner(one))
        if ends:
            exchange.end(one)
        filled = exchange.orders[one].filled
        if filled or ends:
            owner.reports.append(("ended" if ends else "filled", one, filled))
            if told:
                self.learn(owner, *owner.reports.pop())

    def owner(self, client_order_id):
        return self.world.makers[client_order_id].split("-")[0]

    @rule(bot=BOTS, which=NUMBER, duplicate=st.booleans())
    def report(self, bot, which, duplicate):
        bot = self.world.bots[bot]
        if bot.reports:
            index = which % len(bot.reports)
            told = bot.reports[index] if duplicate else bot.reports.pop(index)
            self.learn(bot, *told)

    def learn(self, bot, what, client_order_id, total):
        if what == "accepted":
            bot.twins.bind(client_order_id, f"EX-{client_order_id}")
        elif what == "filled":
            bot.twins.use(client_order_id, total)
        elif total:
            bot.twins.commit(client_order_id, total)
        else:
            bot.twins.release(client_order_id, "cancelled")

    @rule(account=ACCOUNT, amount=AMOUNT)
    def deposit(self, account, amount):
        self.world.exchange.deposit(self.world.accounts[account], amount)

    # Balances

    @rule(bot=BOTS, account=ACCOUNT)
    def begin_snapshot(self, bot, account):
        bot = self.world.bots[bot]
        bot.begun[self.world.accounts[account]] = bot.twins.mark()

    @rule(bot=BOTS, account=ACCOUNT)
    def finish_snapshot(self, bot, account):
        bot, account = self.world.bots[bot], self.world.accounts[account]
        mark = bot.begun.pop(account, None)
        if mark is not None:
            bot.believed[account] = (self.world.exchange.free[account], mark)
            bot.twins.seen(mark, account)

    @rule(bot=BOTS, account=ACCOUNT)
    def snapshot(self, bot, account):
        self.begin_snapshot(bot=bot, account=account)
        self.finish_snapshot(bot=bot, account=account)

    # Time and death

    @rule(bot=BOTS, seconds=st.sampled_from([0.5, 30, 61, 3600]), jump=st.sampled_from([0, -7200]))
    def time_passes(self, bot, seconds, jump):
        self.world.clock.advance(seconds)
        self.world.clock._wall += timedelta(seconds=jump)
        bot = self.world.bots[bot]
        for row in bot.twins.expire_unsent():
            assert row.client_order_id not in self.world.sent, "I3: it expired although sent"
            assert row.process == bot.twins.process, "I3: somebody else let it expire"

    @rule(bot=BOTS, which=NUMBER)
    def somebody_else_lets_it_expire(self, bot, which):
        bot = self.world.bots[bot]
        rows = self.world.rows(bot, states=UNFINISHED)
        if rows:
            row = rows[which % len(rows)]
            if row.process != bot.twins.process or row.state is not State.RESERVED:
                (result,) = bot.twins.settle(Step(Move.EXPIRE, row.client_order_id))
                assert isinstance(result, NotAllowed)

    @rule(bot=BOTS, arrives=st.booleans(), other=st.none() | BOTS)
    def crash(self, bot, arrives, other):
        """It dies, and it or another bot asks the exchange what became of its orders."""
        bot = self.world.bots[bot]
        if arrives:
            while bot.wire:
                self.arrive_at_once(bot)
        bot.wire.clear()
        bot.reports.clear()
        bot.begun.clear()
        self.world.start(bot)
        helper = bot if other is None else self.world.bots[other]
        for row in self.world.rows(bot, bot=bot.name, states=UNFINISHED):
            self.look_up(helper, row)

    def look_up(self, helper, row):
        order = self.world.exchange.orders.get(row.client_order_id)
        if order is None:
            helper.twins.release(row.client_order_id, "the exchange does not know it")
        elif not order.open:
            self.learn(helper, "ended", row.client_order_id, order.filled)
        else:
            helper.twins.bind(row.client_order_id, f"EX-{row.client_order_id}")
            if order.filled:
                helper.twins.use(row.client_order_id, order.filled)

    @invariant()
    def rules_hold(self):
        type(self).steps += 1
        self.world.check()

    def teardown(self):
        try:
            self.world.check_at_the_end()
        finally:
            self.world.close()


QUIET = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "print_blob": True,
    "database": None,
}


def run(machine, examples, steps, **more):
    machine.steps = 0
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=examples, stateful_step_count=steps, **QUIET, **more),
    )


def test_random_bots_break_no_rule_in_memory_and_sqlite():
    run(Machine, 220, 60, derandomize=True)
    assert Machine.steps >= 10_000


def test_random_bots_break_no_rule_in_postgresql():
    with server_folder() as folder, postgres_server(folder) as url:
        machine = type("OnPostgres", (Machine,), {"kinds": ("memory", url)})
        run(machine, 25, 60, derandomize=True)
        assert machine.steps >= 1000


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_random_bots_break_no_rule_in_a_million_steps():
    # In rounds, each with a seed of its own: hypothesis remembers every example of a run, which
    # would take gigabytes here.
    steps = 0
    while steps < 1_000_000:
        run(Machine, 440, 120)
        assert Machine.steps >= 40_000, "hypothesis has given up early"
        steps += Machine.steps
