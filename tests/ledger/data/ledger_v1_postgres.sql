CREATE SCHEMA balance_guard;
SET search_path TO balance_guard;
CREATE TABLE balance_guard.schema_version (version int NOT NULL);
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
) WITH (fillfactor = 60);
CREATE INDEX live
ON balance_guard.reservations (account, settled, currency, visible_from)
WHERE settled IS NOT NULL;
CREATE FUNCTION balance_guard.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation'; END $$;
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
END $$;
CREATE TRIGGER what_is_possible BEFORE INSERT OR UPDATE ON balance_guard.reservations
FOR EACH ROW EXECUTE FUNCTION balance_guard.check_row();
CREATE TRIGGER reservations_are_kept BEFORE DELETE ON balance_guard.reservations
FOR EACH ROW EXECUTE FUNCTION balance_guard.refuse('reservations are not deleted');
CREATE SEQUENCE balance_guard.events;
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
);
CREATE UNIQUE INDEX one_ending ON balance_guard.history (client_order_id)
WHERE state NOT IN ('reserved', 'in_flight', 'open');
CREATE TRIGGER history_is_kept BEFORE UPDATE OR DELETE ON balance_guard.history
FOR EACH ROW EXECUTE FUNCTION balance_guard.refuse('history is only added to');
CREATE TABLE balance_guard.books (
    account text NOT NULL,
    currency text NOT NULL,
    unseen numeric NOT NULL CHECK (unseen >= 0),
    -- The newest snapshot that showed some of it, and how often one did.
    newest_mark bigint NOT NULL,
    seen_count bigint NOT NULL,
    newest_id bigint NOT NULL, -- of its reservations
    PRIMARY KEY (account, currency)
) WITH (fillfactor = 10);
CREATE TABLE balance_guard.beats (
    account text NOT NULL,
    bot text NOT NULL,
    process text NOT NULL,
    number bigint NOT NULL,
    at timestamptz NOT NULL,
    about text NOT NULL,
    PRIMARY KEY (account, bot, process)
);
INSERT INTO balance_guard.schema_version VALUES (1);
INSERT INTO balance_guard.reservations VALUES ('v1-committed', 8, NULL, 'kraken', 'old', 'old-1', 'COIN/USDT', 'buy', 'USDT', 40, 0, 39.99, 'committed', '2026-01-01 00:00:00+00:00', 'EX-2', 10, 14, 1, NULL);
INSERT INTO balance_guard.reservations VALUES ('v1-in-flight', 2, NULL, 'kraken', 'old', 'old-1', 'COIN/USDT', 'buy', 'USDT', 20, 20, 0, 'in_flight', '2026-01-01 00:00:00+00:00', NULL, NULL, 9223372036854775807, 0, NULL);
INSERT INTO balance_guard.reservations VALUES ('v1-open', 4, NULL, 'kraken', 'old', 'old-1', 'COIN/USDT', 'buy', 'USDT', 30, 17.75, 12.25, 'open', '2026-01-01 00:00:00+00:00', 'EX-1', 6, 14, 0, NULL);
INSERT INTO balance_guard.reservations VALUES ('v1-refused', 15, NULL, 'kraken', 'old', 'old-1', 'COIN/USDT', 'buy', 'USDT', 5000, 0, 0, 'refused', '2026-01-01 00:00:00+00:00', NULL, NULL, 0, NULL, '{"code": "insufficient_available", "client_order_id": "v1-refused", "account": "kraken", "currency": "USDT", "sentence": "5000 USDT needed on kraken, 892.51 USDT available", "numbers": {"needed": "5000", "spendable": "1000", "floor": "0", "reserved_own": "107.49", "reserved_others": "0", "available": "892.51"}, "replayed": false}');
INSERT INTO balance_guard.reservations VALUES ('v1-released', 11, NULL, 'kraken', 'old', 'old-1', 'COIN/USDT', 'buy', 'USDT', 50, 0, 0, 'released', '2026-01-01 00:00:00+00:00', NULL, NULL, 0, NULL, NULL);
INSERT INTO balance_guard.reservations VALUES ('v1-reserved', 1, NULL, 'kraken', 'old', 'old-1', 'COIN/USDT', 'buy', 'USDT', 10.5, 10.5, 0, 'reserved', '2026-01-01 00:00:00+00:00', NULL, NULL, 9223372036854775807, 0, NULL);
INSERT INTO balance_guard.reservations VALUES ('v1-seen', 13, NULL, 'kraken', 'old', 'old-1', 'COIN/USDT', 'buy', 'USDT', 7, 7, 0, 'open', '2026-01-01 00:00:00+00:00', 'EX-3', 14, 14, 0, NULL);
INSERT INTO balance_guard.reservations VALUES ('v1-sell', 16, NULL, 'kraken', 'old', 'old-1', 'COIN/USDT', 'sell', 'COIN', 3, 3, 0, 'reserved', '2026-01-01 00:00:00+00:00', NULL, NULL, 9223372036854775807, 0, NULL);
INSERT INTO balance_guard.history VALUES (1, 'v1-reserved', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'reserve', 'reserved', 10.5, 0, NULL, NULL, NULL, 'entry');
INSERT INTO balance_guard.history VALUES (2, 'v1-in-flight', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'reserve', 'reserved', 20, 0, NULL, NULL, NULL, 'entry');
INSERT INTO balance_guard.history VALUES (3, 'v1-in-flight', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'send', 'in_flight', 20, 0, NULL, NULL, NULL, '');
INSERT INTO balance_guard.history VALUES (4, 'v1-open', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'reserve', 'reserved', 30, 0, NULL, NULL, NULL, 'entry');
INSERT INTO balance_guard.history VALUES (5, 'v1-open', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'send', 'in_flight', 30, 0, NULL, NULL, NULL, '');
INSERT INTO balance_guard.history VALUES (6, 'v1-open', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'bind', 'open', 30, 0, 'EX-1', NULL, NULL, '');
INSERT INTO balance_guard.history VALUES (7, 'v1-open', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'use', 'open', 17.75, 12.25, 'EX-1', NULL, NULL, '');
INSERT INTO balance_guard.history VALUES (8, 'v1-committed', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'reserve', 'reserved', 40, 0, NULL, NULL, NULL, 'entry');
INSERT INTO balance_guard.history VALUES (9, 'v1-committed', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'send', 'in_flight', 40, 0, NULL, NULL, NULL, '');
INSERT INTO balance_guard.history VALUES (10, 'v1-committed', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'commit', 'committed', 0, 39.99, 'EX-2', 0.1, 'COIN', '');
INSERT INTO balance_guard.history VALUES (11, 'v1-released', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'reserve', 'reserved', 50, 0, NULL, NULL, NULL, 'entry');
INSERT INTO balance_guard.history VALUES (12, 'v1-released', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'release', 'released', 0, 0, NULL, NULL, NULL, 'rejected');
INSERT INTO balance_guard.history VALUES (13, 'v1-seen', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'reserve', 'reserved', 7, 0, NULL, NULL, NULL, 'entry');
INSERT INTO balance_guard.history VALUES (14, 'v1-seen', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'bind', 'open', 7, 0, 'EX-3', NULL, NULL, '');
INSERT INTO balance_guard.history VALUES (15, 'v1-refused', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'refuse', 'refused', 0, 0, NULL, NULL, NULL, '5000 USDT needed on kraken, 892.51 USDT available [insufficient_available: needed=5000, spendable=1000, floor=0, reserved_own=107.49, reserved_others=0, available=892.51]');
INSERT INTO balance_guard.history VALUES (16, 'v1-sell', '2026-01-01 00:00:00+00:00', 'old', 'old-1', 'reserve', 'reserved', 3, 0, NULL, NULL, NULL, 'entry');
INSERT INTO balance_guard.books VALUES ('kraken', 'USDT', 30.50, 14, 1, 13);
INSERT INTO balance_guard.books VALUES ('kraken', 'COIN', 3, 0, 0, 16);
INSERT INTO balance_guard.beats VALUES ('kraken', 'old', 'old-1', 1, '2026-01-01 00:00:00+00:00', '{"pairs": ["COIN/USDT"]}');
SELECT setval('balance_guard.events', 16);
