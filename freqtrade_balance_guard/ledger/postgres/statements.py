"""What the store says to PostgreSQL.

Nothing but names and numbers of this package is put into the texts; what users and exchanges say
travels as parameters.
"""

# ruff: noqa: S608

from freqtrade_balance_guard.ledger.postgres.link import Statement
from freqtrade_balance_guard.ledger.reservation import ALWAYS, NEVER, TRANSITIONS, Move
from freqtrade_balance_guard.ledger.sql.tables import COLUMNS


ROWS = "balance_guard.reservations"
HISTORY_COLUMNS = (
    "h.event, h.client_order_id, h.at, h.bot, h.process, h.what, h.state, h.held, h.committed, "
    "h.order_id, h.received, h.received_currency, h.why"
)
# Nobody waits for what comes after a reservation. Only of the transaction that says so.
RELAXED = "set_config('synchronous_commit', 'off', true)"
RELAX = f"SELECT {RELAXED}"

# Reservations in the order in which they were made. ("OFFSET 0" is how to say: from the
# history to the rows. The other way round it would read all that ever ended.)
MADE = f"""
balance_guard.history h CROSS JOIN LATERAL (
    SELECT * FROM {ROWS} WHERE client_order_id = h.client_order_id OFFSET 0
) r WHERE h.what = 'reserve'
"""

# The usual reservation, one statement for each way to know what is left. A reservation gets its
# number while its book is locked, so that a book's numbers grow.
#
# With the newest snapshot the book's sum is all that has to fit.
NEWEST = "newest_mark <= %(mark)s AND unseen + %(amount)s <= %(room)s"
# With an older one also what newer ones have shown, unless one was believed between the moment that
# this statement looks at and the moment that it had the book for itself: then it has no row, as
# when it is too much.
OLDER = f"""
seen_count = (
    SELECT seen_count FROM balance_guard.books
    WHERE account = %(account)s AND currency = %(currency)s
) AND unseen + %(amount)s + (
    SELECT coalesce(sum(held + committed), 0) FROM {ROWS}
    WHERE account = %(account)s AND settled IN (0, 1) AND currency = %(currency)s
        AND visible_from > %(mark)s AND visible_from < {NEVER}
) <= %(room)s
"""
# Who knows everything up to one reservation: nothing was reserved after it,
SINCE = "newest_id <= %(since)s AND %(amount)s <= %(room)s"
# or it fits beside that, if the book did not change meanwhile.
YOUNGER_FITS = f"""
xmin = (
    SELECT xmin FROM balance_guard.books
    WHERE account = %(account)s AND currency = %(currency)s
) AND %(amount)s + (
    SELECT coalesce(sum(r.held + r.committed), 0) FROM {MADE} AND h.event > %(since)s
        AND r.account = %(account)s AND r.settled IN (0, 1) AND r.currency = %(currency)s
) <= %(room)s
"""
FITS = f"""
WITH book AS (
    UPDATE balance_guard.books
    SET unseen = unseen + %(amount)s, newest_id = nextval('balance_guard.events')
    WHERE account = %(account)s AND currency = %(currency)s AND {{fits}}
    RETURNING newest_id AS event
), row AS (
    INSERT INTO {ROWS} (id, client_order_id, account, bot, process, pair, side, currency,
        requested, held, committed, state, created_at, visible_from, settled)
    SELECT event, %(client_order_id)s, %(account)s, %(bot)s, %(process)s, %(pair)s, %(side)s,
        %(currency)s, %(amount)s, %(amount)s, 0, 'reserved', %(at)s, {NEVER}, 0 FROM book
)
INSERT INTO balance_guard.history
SELECT event, %(client_order_id)s, %(at)s, %(bot)s, %(process)s, 'reserve', 'reserved',
    %(amount)s, 0, NULL, NULL, NULL, %(why)s FROM book
RETURNING event
"""
RESERVE = Statement("reserve", FITS.format(fits=NEWEST))
RESERVE_OLDER = Statement("reserve_older", FITS.format(fits=OLDER))
RESERVE_SINCE = Statement("reserve_since", FITS.format(fits=SINCE))
RESERVE_YOUNGER = Statement("reserve_younger", FITS.format(fits=YOUNGER_FITS))
RESERVE_UNCHECKED = Statement("reserve_unchecked", FITS.format(fits="true"))

# The usual step of each kind: what it sets, and of which rows. Which states it may start from is
# in the table of transitions. An ending also gives the rest back to the book, so it is for rows
# that no snapshot shows; the others are decided by ``take_step``.
STEP = """
WITH new AS (SELECT nextval('balance_guard.events') AS event), row AS (
    UPDATE balance_guard.reservations r SET {sets} FROM new
    WHERE client_order_id = %(client_order_id)s AND state IN ({old}) AND {only}
    RETURNING r.*, event
), line AS (
    INSERT INTO balance_guard.history
    SELECT event, client_order_id, %(at)s, %(bot)s, %(process)s, %(move)s, state, held, committed,
        order_id, %(received)s, %(received_currency)s, %(why)s FROM row
){book}
SELECT {columns}, {relax} FROM row
"""
GIVE_BACK = """, book AS (
    UPDATE balance_guard.books b SET unseen = unseen - (row.requested - row.committed) FROM row
    WHERE b.account = row.account AND b.currency = row.currency
        AND row.requested <> row.committed
)"""
USED = "greatest(committed, %(total)s)"
KNOWN = "known_at = coalesce(known_at, event)"
USUAL = {
    Move.SEND: ("state = 'in_flight'", "true", False),
    Move.BIND: (
        f"state = 'open', order_id = %(order_id)s, {KNOWN}",
        "order_id IS NULL AND %(order_id)s IS NOT NULL",
        False,
    ),
    Move.USE: (
        "state = 'open', committed = %(total)s, held = requested - %(total)s, "
        f"order_id = coalesce(order_id, %(order_id)s), {KNOWN}",
        "%(total)s > committed AND %(total)s <= requested",
        False,
    ),
    Move.COMMIT: (
        f"state = 'committed', committed = {USED}, held = 0, "
        f"order_id = coalesce(order_id, %(order_id)s), {KNOWN}",
        f"{USED} > 0 AND {USED} <= requested AND visible_from = {NEVER}",
        True,
    ),
    Move.RELEASE: (
        f"state = 'released', held = 0, visible_from = {ALWAYS}, settled = NULL",
        f"committed = 0 AND visible_from = {NEVER}",
        True,
    ),
    Move.EXPIRE: (
        f"state = 'expired', held = 0, visible_from = {ALWAYS}, settled = NULL",
        f"process = %(process)s AND visible_from = {NEVER}",
        True,
    ),
}
OLD = {move: ", ".join(f"'{old}'" for old, by in TRANSITIONS if by is move) for move in Move}
STEPS = {
    move: Statement(
        move.value,
        STEP.format(
            sets=sets,
            old=OLD[move],
            only=only,
            book=GIVE_BACK if ends else "",
            columns=COLUMNS,
            relax=RELAXED,
        ),
    )
    for move, (sets, only, ends) in USUAL.items()
}

INSERT = f"""
INSERT INTO {ROWS} (id, client_order_id, group_id, account, bot, process, pair, side, currency,
    requested, held, committed, state, created_at, visible_from, settled, refusal)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, %s, %s, %s, %s, %s)
"""
ADD_HISTORY = """
INSERT INTO balance_guard.history VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
UPDATE = f"""
UPDATE {ROWS} SET state = %s, held = %s, committed = %s, order_id = %s, known_at = %s,
    visible_from = %s, settled = %s WHERE client_order_id = %s
"""
ADD_TO_BOOK = """
UPDATE balance_guard.books SET unseen = unseen + %s WHERE account = %s AND currency = %s
"""
PROMISE = """
UPDATE balance_guard.books SET unseen = unseen + %s, newest_id = %s
WHERE account = %s AND currency = %s
"""
MAKE_BOOK = "INSERT INTO balance_guard.books VALUES (%s, %s, 0, 0, 0, 0) ON CONFLICT DO NOTHING"
LOCK_BOOK = "SELECT 1 FROM balance_guard.books WHERE account = %s AND currency = %s FOR UPDATE"
NEXT_EVENT = "SELECT nextval('balance_guard.events')"
# What was reserved after one of them, for who has everything before it in his numbers.
YOUNGER = f"""
SELECT r.bot, sum(r.held + r.committed) FROM {MADE}
    AND r.account = %s AND r.settled IN (0, 1) AND r.currency = %s AND h.event > %s GROUP BY r.bot
"""
# The new lines first, then the row of each: the other way round it would read all that ever were.
CHANGES = f"""
WITH h AS MATERIALIZED (SELECT * FROM balance_guard.history WHERE event > %(after)s)
SELECT {HISTORY_COLUMNS}, {", ".join(f"r.{name}" for name in COLUMNS.split(", "))}
FROM h CROSS JOIN LATERAL (
    SELECT * FROM {ROWS} one WHERE one.client_order_id = h.client_order_id OFFSET 0
) r
WHERE r.account = %(account)s AND r.state <> 'refused' ORDER BY h.event
"""
LAST_EVENT = "SELECT coalesce(max(event), 0) FROM balance_guard.history"
# What is held or used, of rows that this snapshot does not show.
UNSEEN = f"""
SELECT bot, sum(held + committed) FROM {ROWS}
WHERE account = %s AND settled IN (0, 1) AND currency = %s AND visible_from > %s GROUP BY bot
"""
SEEN = f"""
WITH row AS (
    UPDATE {ROWS}
    SET visible_from = %(mark)s, settled = CASE state WHEN 'committed' THEN 1 ELSE 0 END
    WHERE account = %(account)s AND settled = 0 AND visible_from = {NEVER}
        AND known_at <= %(mark)s
        AND (%(currencies)s::text[] IS NULL OR currency = ANY(%(currencies)s::text[]))
    RETURNING account, currency, held + committed AS promised
), gone AS (
    SELECT account, currency, sum(promised) AS promised, count(*) AS number FROM row
    GROUP BY account, currency ORDER BY account, currency
), book AS (
    UPDATE balance_guard.books b
    SET unseen = unseen - gone.promised, seen_count = seen_count + 1,
        newest_mark = greatest(newest_mark, %(mark)s)
    FROM gone WHERE b.account = gone.account AND b.currency = gone.currency
)
SELECT coalesce(sum(number), 0), {RELAXED} FROM gone
"""
FIND = f"SELECT {COLUMNS}, refusal FROM {ROWS} WHERE client_order_id = %s"
LOCK_ROWS = f"""
SELECT 1 FROM {ROWS} WHERE client_order_id = ANY(%s) ORDER BY client_order_id FOR UPDATE
"""
BEAT = """
INSERT INTO balance_guard.beats VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (account, bot, process) DO UPDATE
SET number = excluded.number, at = excluded.at, about = excluded.about
"""
