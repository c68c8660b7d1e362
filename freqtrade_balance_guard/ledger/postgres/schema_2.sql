-- Version 2: look-ups by index, an archive for what ended long ago, and claims.

-- name: column reservation
-- The "id" of the line's reservation, which is the event of its first line; that one has NULL.
ALTER TABLE balance_guard.history ADD COLUMN reservation bigint

-- name: drop history_is_kept
DROP TRIGGER history_is_kept ON balance_guard.history

-- name: fill reservation
UPDATE balance_guard.history h SET reservation = r.id FROM balance_guard.reservations r
WHERE r.client_order_id = h.client_order_id AND h.what NOT IN ('reserve', 'refuse')

-- name: index history_of_reservation
CREATE INDEX history_of_reservation ON balance_guard.history (reservation)
WHERE reservation IS NOT NULL

-- name: index order_ids
-- Whose an order of the exchange is. Order ids are unique per pair only.
CREATE INDEX order_ids ON balance_guard.reservations (account, pair, order_id)
WHERE order_id IS NOT NULL

-- name: index ended
-- The newest of one bot. What is unfinished is found by the index "live", so that a reservation does
-- not pay for this one before its end.
CREATE INDEX ended ON balance_guard.reservations (account, bot, id)
WHERE settled IS DISTINCT FROM 0 AND refusal IS NULL

-- name: table archived_reservations
CREATE TABLE balance_guard.archived_reservations (
    LIKE balance_guard.reservations,
    PRIMARY KEY (client_order_id),
    CHECK (held = 0 AND settled IS DISTINCT FROM 0),
    CHECK (state IN ('committed', 'released', 'expired', 'refused'))
)

-- name: index archived_order_ids
CREATE INDEX archived_order_ids ON balance_guard.archived_reservations (account, pair, order_id)
WHERE order_id IS NOT NULL

-- name: table archived_history
CREATE TABLE balance_guard.archived_history (
    LIKE balance_guard.history,
    PRIMARY KEY (event)
)

-- name: index archived_history_of_reservation
CREATE INDEX archived_history_of_reservation ON balance_guard.archived_history (reservation)
WHERE reservation IS NOT NULL

-- name: function check_row
-- As in version 1, and what is archived does not come back.
CREATE OR REPLACE FUNCTION balance_guard.check_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND EXISTS (
        SELECT 1 FROM balance_guard.archived_reservations
        WHERE client_order_id = NEW.client_order_id
    ) THEN
        -- Raised like a second row, so that a repeated question gets the answer of the first one.
        RAISE EXCEPTION 'this reservation has ended'
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'reservations_pkey';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.state NOT IN ('reserved', 'in_flight', 'open') AND (
        NEW.state <> OLD.state OR NEW.held <> OLD.held OR NEW.committed <> OLD.committed
    ) THEN
        RAISE EXCEPTION 'this reservation has ended' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.requested > 0 AND NEW.held >= 0 AND NEW.committed >= 0
        AND NEW.side IN ('buy', 'sell') AND coalesce(NEW.settled IN (0, 1), true)
        AND (CASE NEW.state
            WHEN 'reserved' THEN NEW.committed = 0 AND NEW.settled IS NOT DISTINCT FROM 0
            WHEN 'in_flight' THEN NEW.committed = 0 AND NEW.settled IS NOT DISTINCT FROM 0
            WHEN 'open' THEN NEW.known_at IS NOT NULL AND NEW.settled IS NOT DISTINCT FROM 0
            WHEN 'committed' THEN NEW.held = 0 AND NEW.committed > 0
            WHEN 'released' THEN NEW.held = 0 AND NEW.committed = 0
            WHEN 'expired' THEN NEW.held = 0 AND NEW.committed = 0
            WHEN 'refused' THEN
                NEW.held = 0 AND NEW.committed = 0 AND NEW.refusal IS NOT NULL
            ELSE false END)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'this contradicts the check constraint of reservations'
        USING ERRCODE = 'check_violation';
END $$

-- name: function refuse_archived
CREATE FUNCTION balance_guard.refuse_archived() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM balance_guard.archived_reservations
        WHERE client_order_id = NEW.client_order_id
    ) THEN
        RAISE EXCEPTION 'this reservation has ended' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$

-- name: trigger archived_history_ends_once
CREATE TRIGGER archived_history_ends_once BEFORE INSERT ON balance_guard.history
FOR EACH ROW WHEN (NEW.state NOT IN ('reserved', 'in_flight', 'open'))
EXECUTE FUNCTION balance_guard.refuse_archived()

-- name: drop reservations_are_kept
DROP TRIGGER reservations_are_kept ON balance_guard.reservations

-- name: function keep_reservation
CREATE FUNCTION balance_guard.keep_reservation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM balance_guard.archived_reservations
        WHERE client_order_id = OLD.client_order_id AND state = OLD.state
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'reservations are not deleted' USING ERRCODE = 'check_violation';
END $$

-- name: trigger reservations_are_kept
CREATE TRIGGER reservations_are_kept BEFORE DELETE ON balance_guard.reservations
FOR EACH ROW EXECUTE FUNCTION balance_guard.keep_reservation()

-- name: function keep_line
CREATE FUNCTION balance_guard.keep_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM balance_guard.archived_history WHERE event = OLD.event) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'history is only added to' USING ERRCODE = 'check_violation';
END $$

-- name: trigger history_is_kept
CREATE TRIGGER history_is_kept BEFORE DELETE ON balance_guard.history
FOR EACH ROW EXECUTE FUNCTION balance_guard.keep_line()

-- name: trigger history_is_not_rewritten
CREATE TRIGGER history_is_not_rewritten BEFORE UPDATE ON balance_guard.history
FOR EACH ROW EXECUTE FUNCTION balance_guard.refuse('history is only added to')

-- name: trigger archived_reservations_stay
CREATE TRIGGER archived_reservations_stay BEFORE UPDATE ON balance_guard.archived_reservations
FOR EACH ROW EXECUTE FUNCTION balance_guard.refuse('this reservation has ended')

-- name: trigger archived_history_is_not_rewritten
CREATE TRIGGER archived_history_is_not_rewritten BEFORE UPDATE ON balance_guard.archived_history
FOR EACH ROW EXECUTE FUNCTION balance_guard.refuse('history is only added to')

-- name: table claims
-- The run of a bot that settles what another one left; without a row it is the one that made it.
CREATE TABLE balance_guard.claims (
    client_order_id text PRIMARY KEY,
    bot text NOT NULL,
    process text NOT NULL,
    at timestamptz NOT NULL
)
