-- Version 2: look-ups by index, an archive for what ended long ago, and claims.

-- name: column reservation
-- The "id" of the line's reservation, which is the event of its first line; that one has NULL. Numbers
-- that grow keep the index small and its last page hot, and a reservation does not pay for it.
ALTER TABLE history ADD COLUMN reservation INTEGER

-- name: drop history_is_not_rewritten
DROP TRIGGER history_is_not_rewritten

-- name: fill reservation
UPDATE history SET reservation = (
    SELECT id FROM reservations r WHERE r.client_order_id = history.client_order_id
)
WHERE what NOT IN ('reserve', 'refuse')

-- name: trigger history_is_not_rewritten
CREATE TRIGGER history_is_not_rewritten BEFORE UPDATE ON history
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END

-- name: index history_of_reservation
CREATE INDEX history_of_reservation ON history (reservation) WHERE reservation IS NOT NULL

-- name: index order_ids
-- Whose an order of the exchange is. Order ids are unique per pair only.
CREATE INDEX order_ids ON reservations (account, pair, order_id) WHERE order_id IS NOT NULL

-- name: index ended
-- The newest of one bot. What is unfinished is found by the index "live", so that a reservation does
-- not pay for this one before its end. (A refused row has a refusal; no step changes that column.)
CREATE INDEX ended ON reservations (account, bot, id)
WHERE settled IS NOT 0 AND refusal IS NULL

-- name: table archived_reservations
CREATE TABLE archived_reservations (
    client_order_id TEXT PRIMARY KEY,
    id INTEGER NOT NULL,
    group_id TEXT,
    account TEXT NOT NULL,
    bot TEXT NOT NULL,
    process TEXT NOT NULL,
    pair TEXT NOT NULL,
    side TEXT NOT NULL,
    currency TEXT NOT NULL,
    requested TEXT NOT NULL,
    held TEXT NOT NULL CHECK (held = '0'),
    committed TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('committed', 'released', 'expired', 'refused')),
    created_at TEXT NOT NULL,
    order_id TEXT,
    known_at INTEGER,
    visible_from INTEGER NOT NULL,
    settled INTEGER CHECK (settled IS NOT 0),
    refusal TEXT
) STRICT, WITHOUT ROWID

-- name: index archived_order_ids
CREATE INDEX archived_order_ids ON archived_reservations (account, pair, order_id)
WHERE order_id IS NOT NULL

-- name: table archived_history
CREATE TABLE archived_history (
    event INTEGER PRIMARY KEY,
    client_order_id TEXT NOT NULL,
    at TEXT NOT NULL,
    bot TEXT NOT NULL,
    process TEXT NOT NULL,
    what TEXT NOT NULL,
    state TEXT NOT NULL,
    held TEXT NOT NULL,
    committed TEXT NOT NULL,
    order_id TEXT,
    received TEXT,
    received_currency TEXT,
    why TEXT NOT NULL,
    reservation INTEGER
) STRICT

-- name: index archived_history_of_reservation
CREATE INDEX archived_history_of_reservation ON archived_history (reservation)
WHERE reservation IS NOT NULL

-- name: drop reservations_are_kept
DROP TRIGGER reservations_are_kept

-- name: trigger reservations_are_kept
CREATE TRIGGER reservations_are_kept BEFORE DELETE ON reservations
WHEN NOT EXISTS (
    SELECT 1 FROM archived_reservations a
    WHERE a.client_order_id = OLD.client_order_id AND a.state = OLD.state
)
BEGIN SELECT RAISE(ABORT, 'reservations are not deleted'); END

-- name: drop history_is_kept
DROP TRIGGER history_is_kept

-- name: trigger history_is_kept
-- The newest line stays whatever happens: the next event gets the number after it.
CREATE TRIGGER history_is_kept BEFORE DELETE ON history
WHEN NOT EXISTS (SELECT 1 FROM archived_history a WHERE a.event = OLD.event)
    OR OLD.event = (SELECT max(event) FROM history)
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END

-- name: trigger what_is_archived_has_ended
CREATE TRIGGER what_is_archived_has_ended BEFORE INSERT ON reservations
WHEN EXISTS (SELECT 1 FROM archived_reservations WHERE client_order_id = NEW.client_order_id)
BEGIN SELECT RAISE(ABORT, 'this reservation has ended'); END

-- name: drop history_ends_once
DROP TRIGGER history_ends_once

-- name: trigger history_ends_once
-- A line is written before the row changes, so that no line follows an ending. A first line comes before
-- its row; any other without a row is of what was archived or never was.
CREATE TRIGGER history_ends_once BEFORE INSERT ON history
WHEN coalesce(
    (SELECT state FROM reservations WHERE client_order_id = NEW.client_order_id),
    CASE WHEN NEW.what IN ('reserve', 'refuse') THEN 'reserved' ELSE 'ended' END
) NOT IN ('reserved', 'in_flight', 'open')
BEGIN SELECT RAISE(ABORT, 'this reservation has ended'); END

-- name: trigger archived_reservations_stay
CREATE TRIGGER archived_reservations_stay BEFORE UPDATE ON archived_reservations
BEGIN SELECT RAISE(ABORT, 'this reservation has ended'); END

-- name: trigger archived_history_is_not_rewritten
CREATE TRIGGER archived_history_is_not_rewritten BEFORE UPDATE ON archived_history
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END

-- name: table claims
-- The run of a bot that settles what another one left; without a row it is the one that made it.
CREATE TABLE claims (
    client_order_id TEXT PRIMARY KEY,
    bot TEXT NOT NULL,
    process TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT, WITHOUT ROWID
