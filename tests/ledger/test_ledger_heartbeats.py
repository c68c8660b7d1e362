"""Who is alive, and what the dead have left."""

from tests.support.ledger import made, order


def reserve(ledger):
    return made(ledger.reserve(order(ledger))).client_order_id


def test_what_a_dead_bot_left_is_found_after_its_time(place):
    watcher = place.open("watcher", heartbeat_timeout=120)
    victim = place.open("victim")
    left = reserve(victim)
    victim.send(left)
    for _ in range(3):
        victim.heartbeat()
        watcher.heartbeat()
        assert watcher.abandoned() == []
        place.clock.advance(60)
    assert watcher.abandoned() == []
    place.clock.advance(61)
    watcher.heartbeat()
    assert [row.client_order_id for row in watcher.abandoned()] == [left]


def test_a_bot_that_died_before_its_first_beat_is_noticed_too(place):
    watcher = place.open("watcher", heartbeat_timeout=120)
    left = reserve(place.open("victim"))
    assert watcher.abandoned() == []
    place.clock.advance(121)
    assert [row.client_order_id for row in watcher.abandoned()] == [left]


def test_a_fresh_observer_judges_nobody_at_once(place):
    victim = place.open("victim")
    reserve(victim)
    victim.heartbeat()
    place.clock.advance(10**6)
    assert place.open("watcher").abandoned() == []


def test_a_restarted_bot_settles_what_its_earlier_run_left_itself(place):
    watcher = place.open("watcher", heartbeat_timeout=120)
    first = place.open("bot")
    left = reserve(first)
    first.heartbeat()
    second = place.open("bot")
    for _ in range(4):
        second.heartbeat()
        assert watcher.abandoned() == []
        place.clock.advance(60)
    found = second.unfinished(account=place.account, bot="bot")
    assert [row.client_order_id for row in found] == [left]


def test_a_bot_does_not_find_itself_dead(place):
    ledger = place.open(heartbeat_timeout=10)
    reserve(ledger)
    ledger.abandoned()
    place.clock.advance(1000)
    assert ledger.abandoned() == []


def test_a_wall_clock_that_jumps_kills_nobody(place):
    watcher, other = place.open("watcher", heartbeat_timeout=120), place.open("other")
    reserve(other)
    other.heartbeat()
    watcher.abandoned()
    place.clock._wall = place.clock._wall.replace(year=2036)
    other.heartbeat()
    assert watcher.abandoned() == []


def test_a_beat_tells_about_the_bot_until_it_says_goodbye(place):
    ledger = place.open("one")
    ledger.heartbeat('{"pairs": ["COIN/USDT"]}')
    ledger.heartbeat('{"pairs": ["OTHER/USDT"]}')
    (beat,) = ledger.heartbeats(place.account)
    assert (beat.bot, beat.number, beat.about) == ("one", 2, '{"pairs": ["OTHER/USDT"]}')
    assert beat.at == place.clock.wall()
    ledger.forget(beat)
    assert ledger.heartbeats(place.account) == []
