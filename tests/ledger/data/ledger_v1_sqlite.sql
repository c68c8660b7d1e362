BEGIN TRANSACTION;
CREATE TABLE beats (
                account TEXT NOT NULL,
                bot TEXT NOT NULL,
                process TEXT NOT NULL,
                number INTEGER NOT NULL,
                at TEXT NOT NULL,
                about TEXT NOT NULL,
                PRIMARY KEY (account, bot, process)
            ) STRICT
            ;
INSERT INTO "beats" VALUES('kraken','old','old-1',1,'2026-01-01T00:00:00+00:00','{"pairs": ["COIN/USDT"]}');
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
            ;
INSERT INTO "history" VALUES(1,'v1-reserved','2026-01-01T00:00:00+00:00','old','old-1','reserve','reserved','10.5','0',NULL,NULL,NULL,'entry');
INSERT INTO "history" VALUES(2,'v1-in-flight','2026-01-01T00:00:00+00:00','old','old-1','reserve','reserved','20','0',NULL,NULL,NULL,'entry');
INSERT INTO "history" VALUES(3,'v1-in-flight','2026-01-01T00:00:00+00:00','old','old-1','send','in_flight','20','0',NULL,NULL,NULL,'');
INSERT INTO "history" VALUES(4,'v1-open','2026-01-01T00:00:00+00:00','old','old-1','reserve','reserved','30','0',NULL,NULL,NULL,'entry');
INSERT INTO "history" VALUES(5,'v1-open','2026-01-01T00:00:00+00:00','old','old-1','send','in_flight','30','0',NULL,NULL,NULL,'');
INSERT INTO "history" VALUES(6,'v1-open','2026-01-01T00:00:00+00:00','old','old-1','bind','open','30','0','EX-1',NULL,NULL,'');
INSERT INTO "history" VALUES(7,'v1-open','2026-01-01T00:00:00+00:00','old','old-1','use','open','17.75','12.25','EX-1',NULL,NULL,'');
INSERT INTO "history" VALUES(8,'v1-committed','2026-01-01T00:00:00+00:00','old','old-1','reserve','reserved','40','0',NULL,NULL,NULL,'entry');
INSERT INTO "history" VALUES(9,'v1-committed','2026-01-01T00:00:00+00:00','old','old-1','send','in_flight','40','0',NULL,NULL,NULL,'');
INSERT INTO "history" VALUES(10,'v1-committed','2026-01-01T00:00:00+00:00','old','old-1','commit','committed','0','39.99','EX-2','0.1','COIN','');
INSERT INTO "history" VALUES(11,'v1-released','2026-01-01T00:00:00+00:00','old','old-1','reserve','reserved','50','0',NULL,NULL,NULL,'entry');
INSERT INTO "history" VALUES(12,'v1-released','2026-01-01T00:00:00+00:00','old','old-1','release','released','0','0',NULL,NULL,NULL,'rejected');
INSERT INTO "history" VALUES(13,'v1-seen','2026-01-01T00:00:00+00:00','old','old-1','reserve','reserved','7','0',NULL,NULL,NULL,'entry');
INSERT INTO "history" VALUES(14,'v1-seen','2026-01-01T00:00:00+00:00','old','old-1','bind','open','7','0','EX-3',NULL,NULL,'');
INSERT INTO "history" VALUES(15,'v1-refused','2026-01-01T00:00:00+00:00','old','old-1','refuse','refused','0','0',NULL,NULL,NULL,'5000 USDT needed on kraken, 892.51 USDT available [insufficient_available: needed=5000, spendable=1000, floor=0, reserved_own=107.49, reserved_others=0, available=892.51]');
INSERT INTO "history" VALUES(16,'v1-sell','2026-01-01T00:00:00+00:00','old','old-1','reserve','reserved','3','0',NULL,NULL,NULL,'entry');
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
            ;
INSERT INTO "reservations" VALUES('v1-committed',8,NULL,'kraken','old','old-1','COIN/USDT','buy','USDT','40','0','39.99','committed','2026-01-01T00:00:00+00:00','EX-2',10,14,1,NULL);
INSERT INTO "reservations" VALUES('v1-in-flight',2,NULL,'kraken','old','old-1','COIN/USDT','buy','USDT','20','20','0','in_flight','2026-01-01T00:00:00+00:00',NULL,NULL,9223372036854775807,0,NULL);
INSERT INTO "reservations" VALUES('v1-open',4,NULL,'kraken','old','old-1','COIN/USDT','buy','USDT','30','17.75','12.25','open','2026-01-01T00:00:00+00:00','EX-1',6,14,0,NULL);
INSERT INTO "reservations" VALUES('v1-refused',15,NULL,'kraken','old','old-1','COIN/USDT','buy','USDT','5000','0','0','refused','2026-01-01T00:00:00+00:00',NULL,NULL,0,NULL,'{"code": "insufficient_available", "client_order_id": "v1-refused", "account": "kraken", "currency": "USDT", "sentence": "5000 USDT needed on kraken, 892.51 USDT available", "numbers": {"needed": "5000", "spendable": "1000", "floor": "0", "reserved_own": "107.49", "reserved_others": "0", "available": "892.51"}, "replayed": false}');
INSERT INTO "reservations" VALUES('v1-released',11,NULL,'kraken','old','old-1','COIN/USDT','buy','USDT','50','0','0','released','2026-01-01T00:00:00+00:00',NULL,NULL,0,NULL,NULL);
INSERT INTO "reservations" VALUES('v1-reserved',1,NULL,'kraken','old','old-1','COIN/USDT','buy','USDT','10.5','10.5','0','reserved','2026-01-01T00:00:00+00:00',NULL,NULL,9223372036854775807,0,NULL);
INSERT INTO "reservations" VALUES('v1-seen',13,NULL,'kraken','old','old-1','COIN/USDT','buy','USDT','7','7','0','open','2026-01-01T00:00:00+00:00','EX-3',14,14,0,NULL);
INSERT INTO "reservations" VALUES('v1-sell',16,NULL,'kraken','old','old-1','COIN/USDT','sell','COIN','3','3','0','reserved','2026-01-01T00:00:00+00:00',NULL,NULL,9223372036854775807,0,NULL);
CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;
INSERT INTO "schema_version" VALUES(1);
CREATE INDEX live ON reservations (account, settled, currency, visible_from)
            WHERE settled IS NOT NULL
            ;
CREATE TRIGGER what_has_ended_stays
            BEFORE UPDATE OF state, held, committed ON reservations
            WHEN OLD.state NOT IN ('reserved', 'in_flight', 'open')
            BEGIN SELECT RAISE(ABORT, 'this reservation has ended'); END;
CREATE TRIGGER reservations_are_kept BEFORE DELETE ON reservations
            BEGIN SELECT RAISE(ABORT, 'reservations are not deleted'); END;
CREATE TRIGGER history_ends_once BEFORE INSERT ON history
            WHEN (SELECT state FROM reservations WHERE client_order_id = NEW.client_order_id)
                NOT IN ('reserved', 'in_flight', 'open')
            BEGIN SELECT RAISE(ABORT, 'this reservation has ended'); END;
CREATE TRIGGER history_is_kept BEFORE DELETE ON history
            BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
CREATE TRIGGER history_is_not_rewritten BEFORE UPDATE ON history
            BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
COMMIT;
