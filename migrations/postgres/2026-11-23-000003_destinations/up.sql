-- Which numbers get messages, how many, and what the counts say about abuse.

-- What an operator has set for an account.
CREATE TABLE account_rules (
    account_id         TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    countries_allowed  TEXT   NOT NULL,                 -- codes, separated by spaces; all when empty
    countries_denied   TEXT   NOT NULL,
    per_day            BIGINT CHECK (per_day > 0),      -- live messages
    per_month          BIGINT CHECK (per_month > 0)
);

-- What an account that has a quota has sent, in the newest day and month (UTC) that it has sent in.
CREATE TABLE account_usage (
    account_id  TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    day         BIGINT NOT NULL,                        -- since 1970
    day_used    BIGINT NOT NULL,
    month       BIGINT NOT NULL,                        -- since the year 0
    month_used  BIGINT NOT NULL
);

-- Numbers that get no message.
CREATE TABLE destination_blocks (
    account_id  TEXT   COLLATE "C" NOT NULL, -- '' for every account
    kind        TEXT   COLLATE "C" NOT NULL CHECK (kind IN ('prefix', 'number', 'country')),
    key         TEXT   COLLATE "C" NOT NULL, -- of a number its blind index
    until       BIGINT,                                 -- NULL for no end
    reason      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind, key)
);

-- Live messages, and the codes that came back, by the beginning of the hour (of ten minutes, for attempts to verify).
CREATE TABLE traffic (
    account_id  TEXT   COLLATE "C" NOT NULL,
    dimension   TEXT   COLLATE "C" NOT NULL CHECK (dimension IN ('country', 'prefix', 'client_ip', 'attempts')),
    key         TEXT   COLLATE "C" NOT NULL, -- a country, or a keyed hash
    part        TEXT   COLLATE "C" NOT NULL, -- of an address: the country; otherwise ''
    slot        BIGINT NOT NULL,
    sent        BIGINT NOT NULL,
    verified    BIGINT NOT NULL,
    PRIMARY KEY (account_id, dimension, key, part, slot)
);

CREATE INDEX traffic_by_age ON traffic (dimension, slot);

-- A keyed hash of the end user's address: a right code counts under it.
ALTER TABLE otp_sessions ADD COLUMN client_ip TEXT;
