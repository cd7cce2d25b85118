-- Ids are text that sorts by age, byte by byte: hence COLLATE "C", whatever the database's own order is. Times are
-- milliseconds since 1970 (UTC); what a column calls sealed or hashed is opaque to the database. Every table of customer
-- data leads with the account in its key. There are no sequences, no triggers and, but for the few rows that operators
-- make, no foreign keys: so the tables can be distributed by account.
--
-- No database on PostgreSQL was ever older than the second migration, so the tables have here what SQLite adds there.

-- What this installation is bound to: one row.
CREATE TABLE installation (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    index_kid  TEXT    NOT NULL CHECK (length(index_kid) = 8)  -- the master key that numbers are looked up by
);

CREATE TABLE accounts (
    id          TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL,
    created_at  BIGINT NOT NULL
);

CREATE TABLE api_keys (
    id           TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    account_id   TEXT   COLLATE "C" NOT NULL REFERENCES accounts (id),
    mode         TEXT   COLLATE "C" NOT NULL CHECK (mode IN ('live', 'test')),
    hash         BYTEA  NOT NULL CHECK (length(hash) = 32),
    name         TEXT   NOT NULL,
    hint         TEXT   NOT NULL,
    scopes       TEXT   NOT NULL CHECK (scopes <> ''),  -- separated by spaces
    allowed_ips  TEXT   NOT NULL,                       -- networks, separated by spaces; empty: from anywhere
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT
);

CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (hash);

CREATE TABLE templates (
    account_id    TEXT COLLATE "C" NOT NULL,
    id            TEXT COLLATE "C" NOT NULL,
    mode          TEXT COLLATE "C" NOT NULL CHECK (mode IN ('live', 'test')),
    waba_id       TEXT COLLATE "C" NOT NULL,             -- the business account; in test mode none, which is ''
    name          TEXT COLLATE "C" NOT NULL,
    category      TEXT NOT NULL CHECK (category IN ('authentication', 'utility', 'marketing')),
    status        TEXT NOT NULL CHECK (status IN ('draft', 'pending', 'approved', 'rejected', 'paused', 'disabled')),
    translations  TEXT NOT NULL,                         -- JSON: [{"locale":"en","status":"approved","body":"Hi {{1}}",…},…]
    PRIMARY KEY (account_id, id)
);

CREATE UNIQUE INDEX templates_by_name ON templates (account_id, mode, waba_id, name);

-- What one number has received and failed lately. It outlives the sessions it counts.
CREATE TABLE number_ledgers (
    account_id   TEXT   COLLATE "C" NOT NULL,
    mode         TEXT   COLLATE "C" NOT NULL CHECK (mode IN ('live', 'test')),
    number       BYTEA  NOT NULL CHECK (length(number) = 32),
    sends        TEXT   NOT NULL,                        -- JSON: [time,…]
    failures     TEXT   NOT NULL,                        -- JSON: [time,…]
    live         TEXT   NOT NULL,                        -- JSON: [["purpose","otp_…",expiry],…]
    verified_at  BIGINT,
    PRIMARY KEY (account_id, mode, number)
);

-- One code for one number and purpose. The code is not here: it is derived.
CREATE TABLE otp_sessions (
    account_id           TEXT    COLLATE "C" NOT NULL,
    id                   TEXT    COLLATE "C" NOT NULL,
    mode                 TEXT    COLLATE "C" NOT NULL CHECK (mode IN ('live', 'test')),
    purpose              TEXT    NOT NULL,
    code_length          INTEGER NOT NULL CHECK (code_length BETWEEN 4 AND 8),
    kid                  TEXT    NOT NULL CHECK (length(kid) = 8),
    recipient            BYTEA   NOT NULL,               -- sealed
    number               BYTEA   NOT NULL CHECK (length(number) = 32),
    metadata             BYTEA,                          -- sealed
    delivery_id          TEXT    COLLATE "C" NOT NULL,   -- the latest
    status               TEXT    NOT NULL
        CHECK (status IN ('pending', 'verified', 'expired', 'locked', 'superseded', 'canceled', 'failed')),
    attempts             INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND attempts_max),
    attempts_max         INTEGER NOT NULL CHECK (attempts_max BETWEEN 1 AND 255),
    sends                INTEGER NOT NULL CHECK (sends BETWEEN 1 AND sends_max),
    sends_max            INTEGER NOT NULL CHECK (sends_max BETWEEN 1 AND 255),
    created_at           BIGINT  NOT NULL,
    expires_at           BIGINT  NOT NULL,
    resend_available_at  BIGINT  NOT NULL,
    finished_at          BIGINT,
    PRIMARY KEY (account_id, id),
    CHECK ((status = 'pending') = (finished_at IS NULL))
);

-- Everything that is ever sent: the outbox, the timeline and the log in one.
CREATE TABLE deliveries (
    account_id    TEXT    COLLATE "C" NOT NULL,
    id            TEXT    COLLATE "C" NOT NULL,
    mode          TEXT    COLLATE "C" NOT NULL CHECK (mode IN ('live', 'test')),
    session_id    TEXT    COLLATE "C",                   -- what it carries: the code of this session …
    template_id   TEXT    COLLATE "C",                   -- … or this template
    previous_id   TEXT    COLLATE "C",                   -- the session's delivery before this one
    recipient     BYTEA   NOT NULL,                      -- sealed
    number        BYTEA   NOT NULL CHECK (length(number) = 32),
    variables     BYTEA,                                 -- sealed
    metadata      BYTEA,                                 -- sealed
    locale        TEXT,
    status        TEXT    NOT NULL CHECK (status IN
        ('queued', 'unknown', 'accepted', 'sent', 'canceled', 'expired', 'failed', 'delivered', 'read')),
    queued_at     BIGINT,                                -- for each status, when it was first reached
    unknown_at    BIGINT,
    accepted_at   BIGINT,
    sent_at       BIGINT,
    canceled_at   BIGINT,
    expired_at    BIGINT,
    failed_at     BIGINT,
    delivered_at  BIGINT,
    read_at       BIGINT,
    error_code    BIGINT  CHECK (error_code BETWEEN 0 AND 4294967295),
    error_title   TEXT,
    error_detail  TEXT,
    route         BIGINT  NOT NULL CHECK (route BETWEEN 0 AND 4294967295),  -- which sender is next, or was the last
    sender_id     TEXT,                                  -- who that is
    fallback      INTEGER NOT NULL CHECK (fallback IN (0, 1)),  -- made because `previous_id` had not arrived
    attempts      BIGINT  NOT NULL CHECK (attempts BETWEEN 0 AND 4294967295),
    in_doubt      BIGINT  NOT NULL CHECK (in_doubt BETWEEN 0 AND attempts),  -- those of unknown outcome
    lease_token   BIGINT  NOT NULL CHECK (lease_token >= 0),
    leased        INTEGER NOT NULL CHECK (leased IN (0, 1)),
    due_at        BIGINT,                                -- while it is leased, when the lease runs out
    created_at    BIGINT  NOT NULL,
    expires_at    BIGINT  NOT NULL,
    PRIMARY KEY (account_id, id),
    CHECK ((session_id IS NULL) <> (template_id IS NULL)),
    CHECK ((error_code IS NULL) = (error_title IS NULL) AND (error_code IS NULL) = (error_detail IS NULL)),
    CHECK (leased = 0 OR due_at IS NOT NULL)
);

-- The outbox, in two lanes, because a code that is a minute late is worth nothing and a message is worth as much. They
-- hold only what somebody has to look at again.
CREATE INDEX deliveries_due_codes ON deliveries (due_at) WHERE due_at IS NOT NULL AND session_id IS NOT NULL;
CREATE INDEX deliveries_due_messages ON deliveries (due_at) WHERE due_at IS NOT NULL AND session_id IS NULL;

-- The outbox, account by account: so that one account's million messages do not keep the others waiting.
CREATE INDEX deliveries_due_by_account ON deliveries (account_id, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE idempotency_claims (
    account_id     TEXT    COLLATE "C" NOT NULL,
    mode           TEXT    COLLATE "C" NOT NULL CHECK (mode IN ('live', 'test')),
    key            BYTEA   NOT NULL CHECK (length(key) = 32),
    fingerprint    BYTEA   NOT NULL CHECK (length(fingerprint) = 32),
    subject        TEXT,                                 -- what the work was done to, if work was done
    lease_until    BIGINT  NOT NULL,
    expires_at     BIGINT  NOT NULL,
    answer_status  INTEGER CHECK (answer_status BETWEEN 100 AND 599),
    answer         BYTEA,                                -- sealed
    PRIMARY KEY (account_id, mode, key),
    CHECK ((answer_status IS NULL) = (answer IS NULL)),
    CHECK (subject IS NOT NULL OR answer IS NOT NULL)
);

-- What to forget. New claims expire last, so it grows at one end; and an answer that is added later leaves it alone.
CREATE INDEX idempotency_claims_by_expiry ON idempotency_claims (expires_at);
