-- Version 1 of the tables in SQLite, as release 0.1 made them. A released step is never edited.

-- name: table reservations
CREATE TABLE reservations (
    client_order_id TEXT PRIMARY KEY,
    id INTEGER NOT NULL,
    group_id TEXT,
    account TEXT NOT NULL,
    bot TEXT NOT NULL,
    process TEXT NOT NULL,
    pair TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    currency TEXT NOT NULL,
    requested TEXT NOT NULL CHECK (requested <> '' AND requested NOT GLOB '*[^0-9.]*'),
    held TEXT NOT NULL CHECK (held <> '' AND held NOT GLOB '*[^0-9.]*'),
    committed TEXT NOT NULL CHECK (committed <> '' AND committed NOT GLOB '*[^0-9.]*'),
    state TEXT NOT NULL,
    created_at TEXT NOT NULL,
    order_id TEXT,
    known_at INTEGER,
    visible_from INTEGER NOT NULL,
    settled INTEGER CHECK (settled IN (0, 1)),
    refusal TEXT,
    CHECK (CASE state
        WHEN 'reserved' THEN committed = '0' AND settled IS 0
        WHEN 'in_flight' THEN committed = '0' AND settled IS 0
        WHEN 'open' THEN known_at IS NOT NULL AND settled IS 0
        WHEN 'committed' THEN held = '0' AND committed <> '0'
        WHEN 'released' THEN held = '0' AND committed = '0'
        WHEN 'expired' THEN held = '0' AND committed = '0'
        WHEN 'refused' THEN held = '0' AND committed = '0' AND refusal IS NOT NULL
        ELSE 0 END)
) STRICT, WITHOUT ROWID

-- name: index live
-- What a check has to sum and a recovery to look up, however many have ended: unfinished or not yet
-- seen (0), ended and seen (1); what ended without use is not in it. (Were the condition on
-- visible_from, SQLite would plan each query anew.)
CREATE INDEX live ON reservations (account, settled, currency, visible_from)
WHERE settled IS NOT NULL

-- name: trigger what_has_ended_stays
CREATE TRIGGER what_has_ended_stays
BEFORE UPDATE OF state, held, committed ON reservations
WHEN OLD.state NOT IN ('reserved', 'in_flight', 'open')
BEGIN SELECT RAISE(ABORT, 'this reservation has ended'); END

-- name: trigger reservations_are_kept
CREATE TRIGGER reservations_are_kept BEFORE DELETE ON reservations
BEGIN SELECT RAISE(ABORT, 'reservations are not deleted'); END

-- name: table history
CREATE TABLE history (
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
    why TEXT NOT NULL
) STRICT

-- name: trigger history_ends_once
-- A line is written before the row changes, so that no line follows an ending.
CREATE TRIGGER history_ends_once BEFORE INSERT ON history
WHEN (SELECT state FROM reservations WHERE client_order_id = NEW.client_order_id)
    NOT IN ('reserved', 'in_flight', 'open')
BEGIN SELECT RAISE(ABORT, 'this reservation has ended'); END

-- name: trigger history_is_kept
CREATE TRIGGER history_is_kept BEFORE DELETE ON history
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END

-- name: trigger history_is_not_rewritten
CREATE TRIGGER history_is_not_rewritten BEFORE UPDATE ON history
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END

-- name: table beats
CREATE TABLE beats (
    account TEXT NOT NULL,
    bot TEXT NOT NULL,
    process TEXT NOT NULL,
    number INTEGER NOT NULL,
    at TEXT NOT NULL,
    about TEXT NOT NULL,
    PRIMARY KEY (account, bot, process)
) STRICT
