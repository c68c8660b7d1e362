-- What the store says to PostgreSQL. What users and exchanges say travels as parameters.
-- 9223372036854775807 is NEVER and 0 is ALWAYS (reservation.py): the "visible_from" of what no snapshot
-- shows yet, and of what there is nothing to see of. "OFFSET 0" keeps the planner to the order that is
-- written: from a few lines of history to their rows. The other way round it would read all that ever
-- ended. set_config('synchronous_commit', 'off', true) holds for its own transaction: nothing waits for
-- the disk there.

-- name: reserve
-- With the newest snapshot the book's sum is all that has to fit. A reservation gets its number while
-- its book is locked, so that a book's numbers grow.
WITH book AS (
    UPDATE balance_guard.books
    SET unseen = unseen + %(amount)s::numeric, newest_id = nextval('balance_guard.events')
    WHERE account = %(account)s AND currency = %(currency)s
        AND newest_mark <= %(mark)s::bigint
        AND unseen + %(amount)s::numeric <= %(room)s::numeric
    RETURNING newest_id AS event
), row AS (
    INSERT INTO balance_guard.reservations (id, client_order_id, account, bot, process, pair, side,
        currency, requested, held, committed, state, created_at, visible_from, settled)
    SELECT event, %(client_order_id)s, %(account)s, %(bot)s, %(process)s, %(pair)s, %(side)s,
        %(currency)s, %(amount)s::numeric, %(amount)s::numeric, 0, 'reserved', %(at)s::timestamptz,
        9223372036854775807, 0
    FROM book
)
INSERT INTO balance_guard.history
SELECT event, %(client_order_id)s, %(at)s::timestamptz, %(bot)s, %(process)s, 'reserve', 'reserved',
    %(amount)s::numeric, 0, NULL, NULL, NULL, %(why)s
FROM book
RETURNING event

-- name: reserve_older
-- With an older snapshot also what newer ones have shown, unless one was believed between the moment
-- that this statement looks at and the moment that it had the book for itself: then it has no row, as
-- when it is too much.
WITH book AS (
    UPDATE balance_guard.books
    SET unseen = unseen + %(amount)s::numeric, newest_id = nextval('balance_guard.events')
    WHERE account = %(account)s AND currency = %(currency)s
        AND seen_count = (
            SELECT seen_count FROM balance_guard.books
            WHERE account = %(account)s AND currency = %(currency)s
        )
        AND unseen + %(amount)s::numeric + (
            SELECT coalesce(sum(held + committed), 0) FROM balance_guard.reservations
            WHERE account = %(account)s AND settled IN (0, 1) AND currency = %(currency)s
                AND visible_from > %(mark)s::bigint AND visible_from < 9223372036854775807
        ) <= %(room)s::numeric
    RETURNING newest_id AS event
), row AS (
    INSERT INTO balance_guard.reservations (id, client_order_id, account, bot, process, pair, side,
        currency, requested, held, committed, state, created_at, visible_from, settled)
    SELECT event, %(client_order_id)s, %(account)s, %(bot)s, %(process)s, %(pair)s, %(side)s,
        %(currency)s, %(amount)s::numeric, %(amount)s::numeric, 0, 'reserved', %(at)s::timestamptz,
        9223372036854775807, 0
    FROM book
)
INSERT INTO balance_guard.history
SELECT event, %(client_order_id)s, %(at)s::timestamptz, %(bot)s, %(process)s, 'reserve', 'reserved',
    %(amount)s::numeric, 0, NULL, NULL, NULL, %(why)s
FROM book
RETURNING event

-- name: reserve_since
-- For a balance that includes everything up to one reservation: nothing was reserved after it.
WITH book AS (
    UPDATE balance_guard.books
    SET unseen = unseen + %(amount)s::numeric, newest_id = nextval('balance_guard.events')
    WHERE account = %(account)s AND currency = %(currency)s
        AND newest_id <= %(since)s::bigint AND %(amount)s::numeric <= %(room)s::numeric
    RETURNING newest_id AS event
), row AS (
    INSERT INTO balance_guard.reservations (id, client_order_id, account, bot, process, pair, side,
        currency, requested, held, committed, state, created_at, visible_from, settled)
    SELECT event, %(client_order_id)s, %(account)s, %(bot)s, %(process)s, %(pair)s, %(side)s,
        %(currency)s, %(amount)s::numeric, %(amount)s::numeric, 0, 'reserved', %(at)s::timestamptz,
        9223372036854775807, 0
    FROM book
)
INSERT INTO balance_guard.history
SELECT event, %(client_order_id)s, %(at)s::timestamptz, %(bot)s, %(process)s, 'reserve', 'reserved',
    %(amount)s::numeric, 0, NULL, NULL, NULL, %(why)s
FROM book
RETURNING event

-- name: reserve_younger
-- The same, and it fits beside what was, if the book did not change meanwhile.
WITH book AS (
    UPDATE balance_guard.books
    SET unseen = unseen + %(amount)s::numeric, newest_id = nextval('balance_guard.events')
    WHERE account = %(account)s AND currency = %(currency)s
        AND xmin = (
            SELECT xmin FROM balance_guard.books
            WHERE account = %(account)s AND currency = %(currency)s
        )
        AND %(amount)s::numeric + (
            SELECT coalesce(sum(r.held + r.committed), 0)
            FROM balance_guard.history h CROSS JOIN LATERAL (
                SELECT * FROM balance_guard.reservations
                WHERE client_order_id = h.client_order_id OFFSET 0
            ) r
            WHERE h.what = 'reserve' AND h.event > %(since)s::bigint
                AND r.account = %(account)s AND r.settled IN (0, 1) AND r.currency = %(currency)s
        ) <= %(room)s::numeric
    RETURNING newest_id AS event
), row AS (
    INSERT INTO balance_guard.reservations (id, client_order_id, account, bot, process, pair, side,
        currency, requested, held, committed, state, created_at, visible_from, settled)
    SELECT event, %(client_order_id)s, %(account)s, %(bot)s, %(process)s, %(pair)s, %(side)s,
        %(currency)s, %(amount)s::numeric, %(amount)s::numeric, 0, 'reserved', %(at)s::timestamptz,
        9223372036854775807, 0
    FROM book
)
INSERT INTO balance_guard.history
SELECT event, %(client_order_id)s, %(at)s::timestamptz, %(bot)s, %(process)s, 'reserve', 'reserved',
    %(amount)s::numeric, 0, NULL, NULL, NULL, %(why)s
FROM book
RETURNING event

-- name: reserve_unchecked
-- Without a check: an exit, or what is on the exchange already.
WITH book AS (
    UPDATE balance_guard.books
    SET unseen = unseen + %(amount)s::numeric, newest_id = nextval('balance_guard.events')
    WHERE account = %(account)s AND currency = %(currency)s
    RETURNING newest_id AS event
), row AS (
    INSERT INTO balance_guard.reservations (id, client_order_id, account, bot, process, pair, side,
        currency, requested, held, committed, state, created_at, visible_from, settled)
    SELECT event, %(client_order_id)s, %(account)s, %(bot)s, %(process)s, %(pair)s, %(side)s,
        %(currency)s, %(amount)s::numeric, %(amount)s::numeric, 0, 'reserved', %(at)s::timestamptz,
        9223372036854775807, 0
    FROM book
)
INSERT INTO balance_guard.history
SELECT event, %(client_order_id)s, %(at)s::timestamptz, %(bot)s, %(process)s, 'reserve', 'reserved',
    %(amount)s::numeric, 0, NULL, NULL, NULL, %(why)s
FROM book
RETURNING event

-- name: step_send
-- The usual step of each kind, from the states that TRANSITIONS allows. What is decided otherwise comes
-- back without a row, and take_step() decides it with the row locked.
WITH new AS (
    SELECT nextval('balance_guard.events') AS event
), row AS (
    UPDATE balance_guard.reservations r
    SET state = 'in_flight'
    FROM new
    WHERE client_order_id = %(client_order_id)s AND state IN ('reserved')
        AND NOT EXISTS (
            SELECT 1 FROM balance_guard.claims c
            WHERE c.client_order_id = r.client_order_id AND c.process <> %(process)s
        )
    RETURNING r.*, event
), line AS (
    INSERT INTO balance_guard.history
    SELECT event, client_order_id, %(at)s::timestamptz, %(bot)s, %(process)s, 'send', state,
        held, committed, order_id, %(received)s::numeric, %(received_currency)s, %(why)s, id
    FROM row
)
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from,
    set_config('synchronous_commit', 'off', true)
FROM row

-- name: step_bind
WITH new AS (
    SELECT nextval('balance_guard.events') AS event
), row AS (
    UPDATE balance_guard.reservations r
    SET state = 'open', order_id = %(order_id)s, known_at = coalesce(known_at, event)
    FROM new
    WHERE client_order_id = %(client_order_id)s AND state IN ('reserved', 'in_flight', 'open')
        AND order_id IS NULL AND %(order_id)s::text IS NOT NULL
    RETURNING r.*, event
), line AS (
    INSERT INTO balance_guard.history
    SELECT event, client_order_id, %(at)s::timestamptz, %(bot)s, %(process)s, 'bind', state,
        held, committed, order_id, %(received)s::numeric, %(received_currency)s, %(why)s, id
    FROM row
)
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from,
    set_config('synchronous_commit', 'off', true)
FROM row

-- name: step_use
WITH new AS (
    SELECT nextval('balance_guard.events') AS event
), row AS (
    UPDATE balance_guard.reservations r
    SET state = 'open', committed = %(total)s::numeric, held = requested - %(total)s::numeric,
        order_id = coalesce(order_id, %(order_id)s), known_at = coalesce(known_at, event)
    FROM new
    WHERE client_order_id = %(client_order_id)s AND state IN ('reserved', 'in_flight', 'open')
        AND %(total)s::numeric > committed AND %(total)s::numeric <= requested
    RETURNING r.*, event
), line AS (
    INSERT INTO balance_guard.history
    SELECT event, client_order_id, %(at)s::timestamptz, %(bot)s, %(process)s, 'use', state,
        held, committed, order_id, %(received)s::numeric, %(received_currency)s, %(why)s, id
    FROM row
)
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from,
    set_config('synchronous_commit', 'off', true)
FROM row

-- name: step_commit
-- An ending gives the rest back to the book, so it is for rows that no snapshot shows.
WITH new AS (
    SELECT nextval('balance_guard.events') AS event
), row AS (
    UPDATE balance_guard.reservations r
    SET state = 'committed', committed = greatest(committed, %(total)s::numeric), held = 0,
        order_id = coalesce(order_id, %(order_id)s), known_at = coalesce(known_at, event)
    FROM new
    WHERE client_order_id = %(client_order_id)s AND state IN ('reserved', 'in_flight', 'open')
        AND greatest(committed, %(total)s::numeric) > 0
        AND greatest(committed, %(total)s::numeric) <= requested
        AND visible_from = 9223372036854775807
    RETURNING r.*, event
), line AS (
    INSERT INTO balance_guard.history
    SELECT event, client_order_id, %(at)s::timestamptz, %(bot)s, %(process)s, 'commit', state,
        held, committed, order_id, %(received)s::numeric, %(received_currency)s, %(why)s, id
    FROM row
), book AS (
    UPDATE balance_guard.books b SET unseen = unseen - (row.requested - row.committed)
    FROM row
    WHERE b.account = row.account AND b.currency = row.currency
        AND row.requested <> row.committed
)
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from,
    set_config('synchronous_commit', 'off', true)
FROM row

-- name: step_release
WITH new AS (
    SELECT nextval('balance_guard.events') AS event
), row AS (
    UPDATE balance_guard.reservations r
    SET state = 'released', held = 0, visible_from = 0, settled = NULL
    FROM new
    WHERE client_order_id = %(client_order_id)s AND state IN ('reserved', 'in_flight', 'open')
        AND committed = 0 AND visible_from = 9223372036854775807
    RETURNING r.*, event
), line AS (
    INSERT INTO balance_guard.history
    SELECT event, client_order_id, %(at)s::timestamptz, %(bot)s, %(process)s, 'release', state,
        held, committed, order_id, %(received)s::numeric, %(received_currency)s, %(why)s, id
    FROM row
), book AS (
    UPDATE balance_guard.books b SET unseen = unseen - (row.requested - row.committed)
    FROM row
    WHERE b.account = row.account AND b.currency = row.currency
        AND row.requested <> row.committed
)
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from,
    set_config('synchronous_commit', 'off', true)
FROM row

-- name: step_expire
WITH new AS (
    SELECT nextval('balance_guard.events') AS event
), row AS (
    UPDATE balance_guard.reservations r
    SET state = 'expired', held = 0, visible_from = 0, settled = NULL
    FROM new
    WHERE client_order_id = %(client_order_id)s AND state IN ('reserved')
        AND process = %(process)s AND visible_from = 9223372036854775807
    RETURNING r.*, event
), line AS (
    INSERT INTO balance_guard.history
    SELECT event, client_order_id, %(at)s::timestamptz, %(bot)s, %(process)s, 'expire', state,
        held, committed, order_id, %(received)s::numeric, %(received_currency)s, %(why)s, id
    FROM row
), book AS (
    UPDATE balance_guard.books b SET unseen = unseen - (row.requested - row.committed)
    FROM row
    WHERE b.account = row.account AND b.currency = row.currency
        AND row.requested <> row.committed
)
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from,
    set_config('synchronous_commit', 'off', true)
FROM row

-- name: find
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from, refusal
FROM balance_guard.reservations WHERE client_order_id = %s

-- name: find_archived
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from, refusal
FROM balance_guard.archived_reservations WHERE client_order_id = %s

-- name: insert
INSERT INTO balance_guard.reservations (id, client_order_id, group_id, account, bot, process, pair,
    side, currency, requested, held, committed, state, created_at, visible_from, settled, refusal)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, %s, %s, %s, %s, %s)

-- name: add_history
INSERT INTO balance_guard.history
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: update
UPDATE balance_guard.reservations
SET state = %s, held = %s, committed = %s, order_id = %s, known_at = %s, visible_from = %s, settled = %s
WHERE client_order_id = %s

-- name: relax
SELECT set_config('synchronous_commit', 'off', true)

-- name: lock_rows
SELECT 1 FROM balance_guard.reservations
WHERE client_order_id = ANY(%s) ORDER BY client_order_id FOR UPDATE

-- name: make_book
INSERT INTO balance_guard.books VALUES (%s, %s, 0, 0, 0, 0) ON CONFLICT DO NOTHING

-- name: lock_book
SELECT 1 FROM balance_guard.books WHERE account = %s AND currency = %s FOR UPDATE

-- name: promise
UPDATE balance_guard.books SET unseen = unseen + %s, newest_id = %s
WHERE account = %s AND currency = %s

-- name: add_to_book
UPDATE balance_guard.books SET unseen = unseen + %s WHERE account = %s AND currency = %s

-- name: next_event
SELECT nextval('balance_guard.events')

-- name: last_event
SELECT coalesce(max(event), 0) FROM balance_guard.history

-- name: event_time
-- The first event from a number on, and when it was.
SELECT event, at FROM balance_guard.history WHERE event >= %s ORDER BY event LIMIT 1

-- name: archived_event_time
SELECT event, at FROM balance_guard.archived_history WHERE event >= %s ORDER BY event LIMIT 1

-- name: last_archived_event
SELECT coalesce(max(event), 0) FROM balance_guard.archived_history

-- name: unseen
-- What is held or used, of rows that this snapshot does not show.
SELECT bot, sum(held + committed) FROM balance_guard.reservations
WHERE account = %s AND settled IN (0, 1) AND currency = %s AND visible_from > %s GROUP BY bot

-- name: younger
-- What was reserved after an event, for a balance that has everything before it in its numbers.
SELECT r.bot, sum(r.held + r.committed)
FROM balance_guard.history h CROSS JOIN LATERAL (
    SELECT * FROM balance_guard.reservations WHERE client_order_id = h.client_order_id OFFSET 0
) r
WHERE h.what = 'reserve' AND r.account = %s AND r.settled IN (0, 1) AND r.currency = %s
    AND h.event > %s
GROUP BY r.bot

-- name: seen
WITH row AS (
    UPDATE balance_guard.reservations
    SET visible_from = %(mark)s, settled = CASE state WHEN 'committed' THEN 1 ELSE 0 END
    WHERE account = %(account)s AND settled = 0 AND visible_from = 9223372036854775807
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
SELECT coalesce(sum(number), 0), set_config('synchronous_commit', 'off', true) FROM gone

-- name: changes
-- The new lines first, then the row of each.
WITH h AS MATERIALIZED (SELECT * FROM balance_guard.history WHERE event > %(after)s)
SELECT h.event, h.client_order_id, h.at, h.bot, h.process, h.what, h.state, h.held, h.committed,
    h.order_id, h.received, h.received_currency, h.why,
    r.id, r.client_order_id, r.group_id, r.account, r.bot, r.process, r.pair, r.side, r.currency,
    r.requested, r.held, r.committed, r.state, r.created_at, r.order_id, r.known_at, r.visible_from
FROM h CROSS JOIN LATERAL (
    SELECT * FROM balance_guard.reservations one WHERE one.client_order_id = h.client_order_id OFFSET 0
) r
WHERE r.account = %(account)s AND r.state <> 'refused' ORDER BY h.event

-- name: archived_changes
WITH h AS MATERIALIZED (SELECT * FROM balance_guard.archived_history WHERE event > %(after)s)
SELECT h.event, h.client_order_id, h.at, h.bot, h.process, h.what, h.state, h.held, h.committed,
    h.order_id, h.received, h.received_currency, h.why,
    r.id, r.client_order_id, r.group_id, r.account, r.bot, r.process, r.pair, r.side, r.currency,
    r.requested, r.held, r.committed, r.state, r.created_at, r.order_id, r.known_at, r.visible_from
FROM h CROSS JOIN LATERAL (
    SELECT * FROM balance_guard.archived_reservations one WHERE one.client_order_id = h.client_order_id OFFSET 0
) r
WHERE r.account = %(account)s AND r.state <> 'refused' ORDER BY h.event

-- name: history
SELECT event, client_order_id, at, bot, process, what, state, held, committed, order_id, received,
    received_currency, why
FROM balance_guard.history
WHERE event = (SELECT id FROM balance_guard.reservations WHERE client_order_id = %(one)s)
UNION ALL
SELECT event, client_order_id, at, bot, process, what, state, held, committed, order_id, received,
    received_currency, why
FROM balance_guard.history
WHERE reservation = (SELECT id FROM balance_guard.reservations WHERE client_order_id = %(one)s)
ORDER BY event

-- name: archived_history
SELECT event, client_order_id, at, bot, process, what, state, held, committed, order_id, received,
    received_currency, why
FROM balance_guard.archived_history
WHERE event = (SELECT id FROM balance_guard.archived_reservations WHERE client_order_id = %(one)s)
UNION ALL
SELECT event, client_order_id, at, bot, process, what, state, held, committed, order_id, received,
    received_currency, why
FROM balance_guard.archived_history
WHERE reservation = (SELECT id FROM balance_guard.archived_reservations WHERE client_order_id = %(one)s)
ORDER BY event

-- name: id_of_event
SELECT client_order_id FROM balance_guard.history WHERE event = %(event)s
UNION ALL SELECT client_order_id FROM balance_guard.archived_history WHERE event = %(event)s

-- name: order_owners
-- LATERAL: each order by the index, also where there are many.
SELECT asked.pair, asked.order_id, found.bot
FROM unnest(%(pairs)s::text[], %(order_ids)s::text[]) AS asked (pair, order_id)
CROSS JOIN LATERAL (
    SELECT coalesce(c.bot, r.bot) AS bot FROM balance_guard.reservations r
    LEFT JOIN balance_guard.claims c ON c.client_order_id = r.client_order_id
    WHERE r.account = %(account)s AND r.pair = asked.pair AND r.order_id = asked.order_id
    UNION ALL
    SELECT coalesce(c.bot, r.bot) FROM balance_guard.archived_reservations r
    LEFT JOIN balance_guard.claims c ON c.client_order_id = r.client_order_id
    WHERE r.account = %(account)s AND r.pair = asked.pair AND r.order_id = asked.order_id
) found

-- name: accounts
-- One step of the index "live" per account, instead of all its entries.
WITH RECURSIVE one (account) AS (
    SELECT min(account) FROM balance_guard.reservations WHERE settled IS NOT NULL
    UNION ALL
    SELECT (
        SELECT min(r.account) FROM balance_guard.reservations r
        WHERE r.settled IS NOT NULL AND r.account > one.account
    ) FROM one WHERE one.account IS NOT NULL
)
SELECT account FROM one WHERE account IS NOT NULL

-- name: newest_ended
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from
FROM balance_guard.reservations
WHERE account = %s AND bot = %s AND settled IS DISTINCT FROM 0 AND refusal IS NULL
ORDER BY id DESC LIMIT %s

-- name: archivable
-- What ended up to an event, and was seen by then. The newest line of the history stays.
SELECT h.event, h.client_order_id, r.id
FROM balance_guard.history h CROSS JOIN LATERAL (
    SELECT id, settled, visible_from FROM balance_guard.reservations one
    WHERE one.client_order_id = h.client_order_id OFFSET 0
) r
WHERE h.event > %(after)s::bigint AND h.event <= %(until)s::bigint
    AND h.event < (SELECT max(event) FROM balance_guard.history)
    AND h.state NOT IN ('reserved', 'in_flight', 'open')
    AND r.settled IS DISTINCT FROM 0 AND r.visible_from <= %(until)s::bigint
ORDER BY h.event LIMIT %(limit)s

-- name: archive_reservations
-- Of rows that another bot has moved meanwhile there is nothing left to move.
INSERT INTO balance_guard.archived_reservations
SELECT * FROM balance_guard.reservations WHERE client_order_id = ANY(%s) RETURNING id

-- name: archive_history
INSERT INTO balance_guard.archived_history
SELECT * FROM balance_guard.history WHERE event = ANY(%(ids)s) AND reservation IS NULL
UNION ALL
SELECT * FROM balance_guard.history WHERE reservation = ANY(%(ids)s)

-- name: drop_history
WITH first AS (
    DELETE FROM balance_guard.history WHERE event = ANY(%(ids)s) RETURNING event
)
DELETE FROM balance_guard.history WHERE reservation = ANY(%(ids)s)

-- name: drop_reservations
DELETE FROM balance_guard.reservations WHERE client_order_id = ANY(%s)

-- name: drop_claims
DELETE FROM balance_guard.claims WHERE client_order_id = ANY(%s)

-- name: archived_until
-- What is in the archive and ended up to an event.
SELECT client_order_id, coalesce(reservation, event) FROM balance_guard.archived_history
WHERE event <= %s AND state NOT IN ('reserved', 'in_flight', 'open') ORDER BY event LIMIT %s

-- name: forget_history
WITH first AS (
    DELETE FROM balance_guard.archived_history WHERE event = ANY(%(ids)s) RETURNING event
)
DELETE FROM balance_guard.archived_history WHERE reservation = ANY(%(ids)s)

-- name: forget_reservations
DELETE FROM balance_guard.archived_reservations WHERE client_order_id = ANY(%s)

-- name: lock_row
SELECT 1 FROM balance_guard.reservations WHERE client_order_id = %s FOR UPDATE

-- name: claim_of
SELECT bot, process FROM balance_guard.claims WHERE client_order_id = %s

-- name: put_claim
INSERT INTO balance_guard.claims VALUES (%s, %s, %s, %s)
ON CONFLICT (client_order_id) DO UPDATE
SET bot = excluded.bot, process = excluded.process, at = excluded.at

-- name: claims
SELECT client_order_id, bot, process FROM balance_guard.claims

-- name: beat
INSERT INTO balance_guard.beats VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (account, bot, process) DO UPDATE
SET number = excluded.number, at = excluded.at, about = excluded.about

-- name: forget_beat
DELETE FROM balance_guard.beats WHERE account = %s AND bot = %s AND process = %s

-- name: beats
SELECT account, bot, process, number, at, about FROM balance_guard.beats

-- name: running_totals
SELECT account, currency, unseen FROM balance_guard.books

-- name: scan
-- Every row in the order of client order ids, to be read on from the last one.
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from, settled, refusal
FROM balance_guard.reservations WHERE client_order_id > %s ORDER BY client_order_id LIMIT %s

-- name: scan_archived
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from, settled, refusal
FROM balance_guard.archived_reservations WHERE client_order_id > %s ORDER BY client_order_id LIMIT %s

-- name: lines_without_row
SELECT client_order_id FROM balance_guard.history h
WHERE NOT EXISTS (
    SELECT 1 FROM balance_guard.reservations r WHERE r.client_order_id = h.client_order_id
)
UNION
SELECT client_order_id FROM balance_guard.archived_history h
WHERE NOT EXISTS (
    SELECT 1 FROM balance_guard.archived_reservations r WHERE r.client_order_id = h.client_order_id
)
LIMIT 100

-- name: others_on_futures
-- Other bots with money on positions of this account: futures pairs have a colon.
SELECT DISTINCT bot FROM balance_guard.reservations
WHERE account = %s AND settled = 0 AND bot <> %s AND position(':' IN pair) > 0 ORDER BY bot

-- name: lock_rows_of_bot
SELECT currency FROM balance_guard.reservations WHERE account = %s AND bot = %s
ORDER BY client_order_id FOR UPDATE

-- name: move_rows
UPDATE balance_guard.reservations SET account = %s WHERE account = %s AND bot = %s

-- name: move_beats
UPDATE balance_guard.beats b SET account = %s WHERE account = %s AND bot = %s

-- name: sum_book
-- What the rows of a book say, written anew.
UPDATE balance_guard.books b SET unseen = (
    SELECT coalesce(sum(held + committed), 0) FROM balance_guard.reservations r
    WHERE r.account = b.account AND r.currency = b.currency AND settled = 0
        AND visible_from = 9223372036854775807
), newest_id = (
    SELECT coalesce(max(id), 0) FROM balance_guard.reservations r
    WHERE r.account = b.account AND r.currency = b.currency
), seen_count = seen_count + 1
WHERE account = %s AND currency = %s
