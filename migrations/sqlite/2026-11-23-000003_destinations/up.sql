-- Which numbers get messages, how many, and what the counts say about abuse.

-- What an operator has set for an account.
CREATE TABLE account_rules (
    account_id         TEXT    NOT NULL PRIMARY KEY,
    countries_allowed  TEXT    NOT NULL,                 -- codes, separated by spaces; all when empty
    countries_denied   TEXT    NOT NULL,
    per_day            INTEGER CHECK (per_day > 0),      -- live messages
    per_month          INTEGER CHECK (per_month > 0)
) STRICT, WITHOUT ROWID;

-- What an account that has a quota has sent, in the newest day and month (UTC) that it has sent in.
CREATE TABLE account_usage (
    account_id  TEXT    NOT NULL PRIMARY KEY,
    day         INTEGER NOT NULL,                        -- since 1970
    day_used    INTEGER NOT NULL,
    month       INTEGER NOT NULL,                        -- since the year 0
    month_used  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Numbers that get no message.
CREATE TABLE destination_blocks (
    account_id  TEXT    NOT NULL,                        -- '' for every account
    kind        TEXT    NOT NULL CHECK (kind IN ('prefix', 'number', 'country')),
    key         TEXT    NOT NULL,                        -- of a number its blind index
    until       INTEGER,                                 -- NULL for no end
    reason      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (account_id, kind, key)
) STRICT, WITHOUT ROWID;

-- Live messages, and the codes that came back, by the beginning of the hour (of ten minutes, for attempts to verify).
CREATE TABLE traffic (
    account_id  TEXT    NOT NULL,
    dimension   TEXT    NOT NULL CHECK (dimension IN ('country', 'prefix', 'client_ip', 'attempts')),
    key         TEXT    NOT NULL,                        -- a country, or a keyed hash
    part        TEXT    NOT NULL,                        -- of an address: the country; otherwise ''
    slot        INTEGER NOT NULL,
    sent        INTEGER NOT NULL,
    verified    INTEGER NOT NULL,
    PRIMARY KEY (account_id, dimension, key, part, slot)
) STRICT, WITHOUT ROWID;

CREATE INDEX traffic_by_age ON traffic (dimension, slot);

-- A keyed hash of the end user's address: a right code counts under it.
ALTER TABLE otp_sessions ADD COLUMN client_ip TEXT;
