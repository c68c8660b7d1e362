-- What the store says to SQLite. 9223372036854775807 is NEVER and 0 is ALWAYS (reservation.py): the
-- "visible_from" of what no snapshot shows yet, and of what there is nothing to see of.

-- name: find
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from, refusal
FROM reservations WHERE client_order_id = ?

-- name: find_archived
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from, refusal
FROM archived_reservations WHERE client_order_id = ?

-- name: is_taken
SELECT 1 FROM reservations WHERE client_order_id = ?1
UNION ALL SELECT 1 FROM archived_reservations WHERE client_order_id = ?1

-- name: begin_history
INSERT INTO history (client_order_id, at, bot, process, what, state, held, committed, why)
VALUES (?, ?, ?, ?, 'reserve', 'reserved', ?, '0', ?)

-- name: insert
INSERT INTO reservations (id, client_order_id, group_id, account, bot, process, pair, side,
    currency, requested, held, committed, state, created_at, visible_from, settled)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, '0', 'reserved', ?11, 9223372036854775807, 0)

-- name: insert_refusal
INSERT INTO reservations (id, client_order_id, group_id, account, bot, process, pair, side,
    currency, requested, held, committed, state, created_at, visible_from, refusal)
VALUES (?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, '0', '0', 'refused', ?, 0, ?)

-- name: add_history
INSERT INTO history (client_order_id, at, bot, process, what, state, held, committed, order_id,
    received, received_currency, why, reservation)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: update
-- Only if the row is as we left it: all else that may change follows from these columns.
UPDATE reservations SET state = ?, held = ?, committed = ?, order_id = ?, known_at = ?
WHERE client_order_id = ? AND id = ? AND state = ? AND committed = ? AND order_id IS ?
    AND visible_from = ?

-- name: update_and_move
-- A text of its own: SQLite writes to an index as soon as its columns are named, also if they stay
-- the same.
UPDATE reservations SET state = ?, held = ?, committed = ?, order_id = ?, known_at = ?,
    visible_from = ?, settled = ?
WHERE client_order_id = ? AND id = ? AND state = ? AND committed = ? AND order_id IS ?
    AND visible_from = ?

-- name: unseen
-- What is held or used, of rows that this snapshot does not show: live ones, and those that a newer
-- snapshot has settled. (Unfinished rows hold what was requested less what was used.)
SELECT bot, CASE held WHEN '0' THEN committed ELSE requested END FROM reservations
WHERE account = ?1 AND settled IN (0, 1) AND currency = ?2 AND visible_from > ?3

-- name: younger
-- What was reserved after an event, for a balance that has everything before it in its numbers.
-- (CROSS: from the history to the rows. The other way round SQLite would read all that ever ended.)
SELECT r.bot, CASE r.held WHEN '0' THEN r.committed ELSE r.requested END
FROM history h CROSS JOIN reservations r ON r.client_order_id = h.client_order_id
WHERE h.event > ?3 AND h.what = 'reserve' AND r.account = ?1 AND r.currency = ?2
    AND r.settled IN (0, 1)

-- name: seen
UPDATE reservations SET visible_from = ?, settled = state = 'committed'
WHERE account = ? AND settled = 0 AND visible_from = ? AND known_at <= ?

-- name: last_event
SELECT max(event) FROM history

-- name: event_time
-- The first event from a number on, and when it was.
SELECT event, at FROM history WHERE event >= ? ORDER BY event LIMIT 1

-- name: archived_event_time
SELECT event, at FROM archived_history WHERE event >= ? ORDER BY event LIMIT 1

-- name: last_archived_event
SELECT max(event) FROM archived_history

-- name: changes
SELECT h.event, h.client_order_id, h.at, h.bot, h.process, h.what, h.state, h.held, h.committed,
    h.order_id, h.received, h.received_currency, h.why,
    r.id, r.client_order_id, r.group_id, r.account, r.bot, r.process, r.pair, r.side, r.currency,
    r.requested, r.held, r.committed, r.state, r.created_at, r.order_id, r.known_at, r.visible_from
FROM history h JOIN reservations r ON r.client_order_id = h.client_order_id
WHERE h.event > ? AND r.account = ? AND r.state <> 'refused' ORDER BY h.event

-- name: archived_changes
SELECT h.event, h.client_order_id, h.at, h.bot, h.process, h.what, h.state, h.held, h.committed,
    h.order_id, h.received, h.received_currency, h.why,
    r.id, r.client_order_id, r.group_id, r.account, r.bot, r.process, r.pair, r.side, r.currency,
    r.requested, r.held, r.committed, r.state, r.created_at, r.order_id, r.known_at, r.visible_from
FROM archived_history h JOIN archived_reservations r ON r.client_order_id = h.client_order_id
WHERE h.event > ? AND r.account = ? AND r.state <> 'refused' ORDER BY h.event

-- name: history
-- The first line is the one that the row has its id from.
SELECT event, client_order_id, at, bot, process, what, state, held, committed, order_id, received,
    received_currency, why
FROM history WHERE event = (SELECT id FROM reservations WHERE client_order_id = ?1)
UNION ALL
SELECT event, client_order_id, at, bot, process, what, state, held, committed, order_id, received,
    received_currency, why
FROM history WHERE reservation = (SELECT id FROM reservations WHERE client_order_id = ?1)
ORDER BY event

-- name: archived_history
SELECT event, client_order_id, at, bot, process, what, state, held, committed, order_id, received,
    received_currency, why
FROM archived_history WHERE event = (SELECT id FROM archived_reservations WHERE client_order_id = ?1)
UNION ALL
SELECT event, client_order_id, at, bot, process, what, state, held, committed, order_id, received,
    received_currency, why
FROM archived_history WHERE reservation = (SELECT id FROM archived_reservations WHERE client_order_id = ?1)
ORDER BY event

-- name: id_of_event
SELECT client_order_id FROM history WHERE event = ?1
UNION ALL SELECT client_order_id FROM archived_history WHERE event = ?1

-- name: order_owners
SELECT coalesce(c.bot, r.bot)
FROM reservations r LEFT JOIN claims c ON c.client_order_id = r.client_order_id
WHERE r.account = ?1 AND r.pair = ?2 AND r.order_id = ?3
UNION ALL
SELECT coalesce(c.bot, r.bot)
FROM archived_reservations r LEFT JOIN claims c ON c.client_order_id = r.client_order_id
WHERE r.account = ?1 AND r.pair = ?2 AND r.order_id = ?3

-- name: accounts
-- One step of the index "live" per account, instead of all its entries.
WITH RECURSIVE one (account) AS (
    SELECT min(account) FROM reservations WHERE settled IS NOT NULL
    UNION ALL
    SELECT (
        SELECT min(r.account) FROM reservations r
        WHERE r.settled IS NOT NULL AND r.account > one.account
    ) FROM one WHERE one.account IS NOT NULL
)
SELECT account FROM one WHERE account IS NOT NULL

-- name: newest_ended
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from
FROM reservations
WHERE account = ? AND bot = ? AND settled IS NOT 0 AND refusal IS NULL ORDER BY id DESC LIMIT ?

-- name: archivable
-- What ended up to an event, and was seen by then. The newest line of the history stays.
SELECT h.event, h.client_order_id, r.id
FROM history h CROSS JOIN reservations r ON r.client_order_id = h.client_order_id
WHERE h.event > ?1 AND h.event <= ?2 AND h.event < (SELECT max(event) FROM history)
    AND h.state NOT IN ('reserved', 'in_flight', 'open')
    AND r.settled IS NOT 0 AND r.visible_from <= ?2
ORDER BY h.event LIMIT ?3

-- name: archive_reservation
INSERT INTO archived_reservations
SELECT * FROM reservations WHERE client_order_id = ?

-- name: archive_history
INSERT INTO archived_history
SELECT * FROM history WHERE event = ?1 OR reservation = ?1

-- name: drop_history
DELETE FROM history WHERE event = ?1 OR reservation = ?1

-- name: drop_reservation
DELETE FROM reservations WHERE client_order_id = ?

-- name: drop_claim
DELETE FROM claims WHERE client_order_id = ?

-- name: archived_until
-- What is in the archive and ended up to an event.
SELECT event, client_order_id, coalesce(reservation, event) FROM archived_history
WHERE event <= ? AND state NOT IN ('reserved', 'in_flight', 'open') ORDER BY event LIMIT ?

-- name: forget_history
DELETE FROM archived_history WHERE event = ?1 OR reservation = ?1

-- name: forget_reservation
DELETE FROM archived_reservations WHERE client_order_id = ?

-- name: claim_of
SELECT bot, process FROM claims WHERE client_order_id = ?

-- name: put_claim
INSERT OR REPLACE INTO claims (client_order_id, bot, process, at) VALUES (?, ?, ?, ?)

-- name: claims
SELECT client_order_id, bot, process FROM claims

-- name: beat
INSERT OR REPLACE INTO beats VALUES (?, ?, ?, ?, ?, ?)

-- name: forget_beat
DELETE FROM beats WHERE account = ? AND bot = ? AND process = ?

-- name: beats
SELECT account, bot, process, number, at, about FROM beats

-- name: scan
-- Every row in the order of client order ids, to be read on from the last one.
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from, settled, refusal
FROM reservations WHERE client_order_id > ? ORDER BY client_order_id LIMIT ?

-- name: scan_archived
SELECT id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, known_at, visible_from, settled, refusal
FROM archived_reservations WHERE client_order_id > ? ORDER BY client_order_id LIMIT ?

-- name: lines_without_row
SELECT event, client_order_id FROM history h
WHERE NOT EXISTS (SELECT 1 FROM reservations r WHERE r.client_order_id = h.client_order_id)
UNION ALL
SELECT event, client_order_id FROM archived_history h
WHERE NOT EXISTS (SELECT 1 FROM archived_reservations r WHERE r.client_order_id = h.client_order_id)
LIMIT 100

-- name: others_on_futures
-- Other bots with money on positions of this account: futures pairs have a colon.
SELECT DISTINCT bot FROM reservations
WHERE account = ? AND settled = 0 AND bot <> ? AND instr(pair, ':') > 0 ORDER BY bot

-- name: move_rows
UPDATE reservations SET account = ? WHERE account = ? AND bot = ?

-- name: move_beats
UPDATE OR IGNORE beats SET account = ? WHERE account = ? AND bot = ?
