-- Version 1 of the tables in PostgreSQL, as release 0.1 made them. A released step is never edited.

-- name: table reservations
CREATE TABLE balance_guard.reservations (
    client_order_id text PRIMARY KEY,
    id bigint NOT NULL,
    group_id text,
    account text NOT NULL,
    bot text NOT NULL,
    process text NOT NULL,
    pair text NOT NULL,
    side text NOT NULL,
    currency text NOT NULL,
    requested numeric NOT NULL,
    held numeric NOT NULL,
    committed numeric NOT NULL,
    state text NOT NULL,
    created_at timestamptz NOT NULL,
    order_id text,
    known_at bigint,
    visible_from bigint NOT NULL,
    settled smallint,
    refusal text
) WITH (fillfactor = 60)

-- name: index live
CREATE INDEX live
ON balance_guard.reservations (account, settled, currency, visible_from)
WHERE settled IS NOT NULL

-- name: function refuse
CREATE FUNCTION balance_guard.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation'; END $$

-- name: function check_row
-- Written as a function, which the server reads once per connection: constraints of the table it
-- reads and plans anew in each statement, and that took a quarter of a reservation.
CREATE FUNCTION balance_guard.check_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
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

-- name: trigger what_is_possible
CREATE TRIGGER what_is_possible BEFORE INSERT OR UPDATE ON balance_guard.reservations
FOR EACH ROW EXECUTE FUNCTION balance_guard.check_row()

-- name: trigger reservations_are_kept
CREATE TRIGGER reservations_are_kept BEFORE DELETE ON balance_guard.reservations
FOR EACH ROW EXECUTE FUNCTION balance_guard.refuse('reservations are not deleted')

-- name: sequence events
CREATE SEQUENCE balance_guard.events

-- name: table history
CREATE TABLE balance_guard.history (
    event bigint PRIMARY KEY,
    client_order_id text NOT NULL,
    at timestamptz NOT NULL,
    bot text NOT NULL,
    process text NOT NULL,
    what text NOT NULL,
    state text NOT NULL,
    held numeric NOT NULL,
    committed numeric NOT NULL,
    order_id text,
    received numeric,
    received_currency text,
    why text NOT NULL
)

-- name: index one_ending
CREATE UNIQUE INDEX one_ending ON balance_guard.history (client_order_id)
WHERE state NOT IN ('reserved', 'in_flight', 'open')

-- name: trigger history_is_kept
CREATE TRIGGER history_is_kept BEFORE UPDATE OR DELETE ON balance_guard.history
FOR EACH ROW EXECUTE FUNCTION balance_guard.refuse('history is only added to')

-- name: table books
-- The one row that every check of a currency locks, with the sum that it needs.
CREATE TABLE balance_guard.books (
    account text NOT NULL,
    currency text NOT NULL,
    unseen numeric NOT NULL CHECK (unseen >= 0),
    -- The newest snapshot that showed some of it, and how often one did.
    newest_mark bigint NOT NULL,
    seen_count bigint NOT NULL,
    newest_id bigint NOT NULL, -- of its reservations
    PRIMARY KEY (account, currency)
) WITH (fillfactor = 10)

-- name: table beats
CREATE TABLE balance_guard.beats (
    account text NOT NULL,
    bot text NOT NULL,
    process text NOT NULL,
    number bigint NOT NULL,
    at timestamptz NOT NULL,
    about text NOT NULL,
    PRIMARY KEY (account, bot, process)
)
