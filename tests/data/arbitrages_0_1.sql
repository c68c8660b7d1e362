-- Written by release 0.1: four arbitrages in different states, an order for an exposure, a trade.
BEGIN TRANSACTION;
CREATE TABLE arbitrage_exposures (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    bot         TEXT NOT NULL,
    pair_number INTEGER NOT NULL,
    base        TEXT NOT NULL,
    net         TEXT NOT NULL,
    venue       TEXT NOT NULL,
    account     TEXT NOT NULL,
    pair        TEXT NOT NULL,
    price       TEXT NOT NULL,
    other_venue TEXT NOT NULL,
    other_pair  TEXT NOT NULL,
    other_price TEXT NOT NULL,
    value       TEXT NOT NULL,
    marked_at   TEXT NOT NULL,
    opened_at   TEXT NOT NULL,
    doing       TEXT NOT NULL,
    closed_at   TEXT,
    closed_how  TEXT NOT NULL DEFAULT '',
    closes      INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "arbitrage_exposures" VALUES(1,'freqtrade-aaaa',2,'ETH','-0.2','second','second','ETH/USDT','3100','bot','ETH/USDT','3000','620','2026-01-02T03:04:05+00:00','2026-01-02T03:04:05+00:00','held by the policy; unhedged resolve closes it',NULL,'',0);
CREATE TABLE arbitrage_pairs (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    bot      TEXT NOT NULL,
    kind     TEXT NOT NULL,
    state    TEXT NOT NULL,
    tag      TEXT,
    orders   TEXT NOT NULL,
    told     TEXT NOT NULL DEFAULT '{}',
    exposure INTEGER,
    made_at  TEXT NOT NULL,
    ended_at TEXT,
    note     TEXT NOT NULL DEFAULT '',
    booked   INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "arbitrage_pairs" VALUES(1,'freqtrade-aaaa','pair','hedged','first','[{"venue": "bot", "account": "kraken", "pair": "ETH/USDT", "side": "buy", "amount": "0.5", "price": "3000", "fee_rate": "0.0026", "client_order_id": "bot-1", "made_at": "2026-01-02T03:04:05+00:00"}, {"venue": "second", "account": "second", "pair": "ETH/USDT", "side": "sell", "amount": "0.5", "price": "3100", "fee_rate": "0.0026", "client_order_id": "second-1", "made_at": "2026-01-02T03:04:05+00:00"}]','{"bot-1": {"order_id": "OB-1", "is_open": false, "filled": "0.5", "cost": "1500", "fees": {"USDT": "3.9"}}, "second-1": {"order_id": "OS-1", "is_open": false, "filled": "0.5", "cost": "1550", "fees": null}}',NULL,'2026-01-02T03:04:05+00:00','2026-01-02T03:04:05+00:00','',1);
INSERT INTO "arbitrage_pairs" VALUES(2,'freqtrade-aaaa','pair','unhedged',NULL,'[{"venue": "bot", "account": "kraken", "pair": "ETH/USDT", "side": "buy", "amount": "0.5", "price": "3000", "fee_rate": "0.0026", "client_order_id": "bot-2", "made_at": "2026-01-02T03:04:05+00:00"}, {"venue": "second", "account": "second", "pair": "ETH/USDT", "side": "sell", "amount": "0.5", "price": "3100", "fee_rate": "0.0026", "client_order_id": "second-2", "made_at": "2026-01-02T03:04:05+00:00"}]','{"second-2": {"order_id": "OS-2", "is_open": false, "filled": "0.2", "cost": "620", "fees": {"USDT": "1.6"}}}',NULL,'2026-01-02T03:04:05+00:00','2026-01-02T03:04:05+00:00','',0);
INSERT INTO "arbitrage_pairs" VALUES(3,'freqtrade-aaaa','pair','denied','first','[{"venue": "bot", "account": "kraken", "pair": "ETH/USDT", "side": "buy", "amount": "0.5", "price": "3000", "fee_rate": "0.0026", "client_order_id": "bot-3", "made_at": "2026-01-02T03:04:05+00:00"}, {"venue": "second", "account": "second", "pair": "ETH/USDT", "side": "sell", "amount": "0.5", "price": "3100", "fee_rate": "0.0026", "client_order_id": "second-3", "made_at": "2026-01-02T03:04:05+00:00"}]','{}',NULL,'2026-01-02T03:04:05+00:00','2026-01-02T03:04:05+00:00','no money',0);
INSERT INTO "arbitrage_pairs" VALUES(4,'freqtrade-aaaa','pair','sent','first','[{"venue": "bot", "account": "kraken", "pair": "ETH/USDT", "side": "buy", "amount": "0.5", "price": "3000", "fee_rate": "0.0026", "client_order_id": "bot-4", "made_at": "2026-01-02T03:04:05+00:00"}, {"venue": "second", "account": "second", "pair": "ETH/USDT", "side": "sell", "amount": "0.5", "price": "3100", "fee_rate": "0.0026", "client_order_id": "second-4", "made_at": "2026-01-02T03:04:05+00:00"}]','{"bot-4": {"order_id": "OB-4", "is_open": true, "filled": "0.1", "cost": "300", "fees": null}}',NULL,'2026-01-02T03:04:05+00:00',NULL,'',0);
INSERT INTO "arbitrage_pairs" VALUES(5,'freqtrade-aaaa','complete','planned','first','[{"venue": "bot", "account": "kraken", "pair": "ETH/USDT", "side": "buy", "amount": "0.2", "price": "3000", "fee_rate": "0.0026", "client_order_id": "bot-5", "made_at": "2026-01-02T03:04:05+00:00"}]','{}',1,'2026-01-02T03:04:05+00:00',NULL,'',0);
INSERT INTO "arbitrage_pairs" VALUES(6,'freqtrade-aaaa','pair','hedged','first','[{"venue": "bot", "account": "kraken", "pair": "ETH/USDT", "side": "buy", "amount": "0.5", "price": "3000", "fee_rate": "0.0026", "client_order_id": "bot-6", "made_at": "2026-01-02T03:04:05+00:00"}, {"venue": "second", "account": "second", "pair": "ETH/USDT", "side": "sell", "amount": "0.5", "price": "3100", "fee_rate": "0.0026", "client_order_id": "second-6", "made_at": "2026-01-02T03:04:05+00:00"}]','{"bot-6": {"order_id": "OB-6", "is_open": false, "filled": "0.5", "cost": "1500", "fees": null}, "second-6": {"order_id": "OS-6", "is_open": false, "filled": "0.5", "cost": "1550", "fees": null}}',NULL,'2026-01-02T03:04:05+00:00','2026-01-02T03:04:05+00:00','',0);
CREATE TABLE arbitrage_positions (
    pair_number   INTEGER PRIMARY KEY,
    bot           TEXT NOT NULL,
    trade_id      INTEGER NOT NULL,
    pair          TEXT NOT NULL,
    amount        TEXT NOT NULL,
    trade_amount  TEXT NOT NULL,
    accounted     TEXT NOT NULL,
    hedged        TEXT NOT NULL,
    other_venue   TEXT NOT NULL,
    other_account TEXT NOT NULL,
    other_pair    TEXT NOT NULL,
    other_price   TEXT NOT NULL,
    opened_at     TEXT NOT NULL,
    closed_at     TEXT,
    profit        TEXT
);
INSERT INTO "arbitrage_positions" VALUES(1,'freqtrade-aaaa',7,'ETH/USDT','0.5','0.5','0.5','0.5','second','second','ETH/USDT','3100','2026-01-02T03:04:05+00:00',NULL,NULL);
CREATE INDEX arbitrage_pairs_going ON arbitrage_pairs (bot)
    WHERE state IN ('planned', 'sent');
CREATE TRIGGER arbitrage_pairs_end_once
    BEFORE UPDATE OF state, orders, told, ended_at, note ON arbitrage_pairs
    WHEN old.state IN ('denied', 'abandoned', 'failed', 'hedged', 'unhedged', 'filled')
    BEGIN SELECT raise(ABORT, 'this pair has ended'); END;
CREATE TRIGGER arbitrage_exposures_close_once BEFORE UPDATE ON arbitrage_exposures
    WHEN old.closed_at IS NOT NULL
    BEGIN SELECT raise(ABORT, 'this exposure is closed'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('arbitrage_pairs',6);
INSERT INTO "sqlite_sequence" VALUES('arbitrage_exposures',1);
COMMIT;
