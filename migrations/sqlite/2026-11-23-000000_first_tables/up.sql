-- Ids are text that sorts by age; times are milliseconds since 1970 (UTC); what a column calls sealed or hashed is opaque
-- to the database. Every table of customer data leads with the account in its key, and is clustered on that key.

-- What this installation is bound to: one row.
CREATE TABLE installation (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    index_kid  TEXT    NOT NULL CHECK (length(index_kid) = 8)  -- the master key that numbers are looked up by
) STRICT;

CREATE TABLE accounts (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    account_id   TEXT    NOT NULL REFERENCES accounts (id),
    mode         TEXT    NOT NULL CHECK (mode IN ('live', 'test')),
    hash         BLOB    NOT NULL CHECK (length(hash) = 32),
    name         TEXT    NOT NULL,
    hint         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL CHECK (scopes <> ''),  -- separated by spaces
    allowed_ips  TEXT    NOT NULL,                       -- networks, separated by spaces; empty: from anywhere
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (hash);

CREATE TABLE templates (
    account_id    TEXT NOT NULL,
    id            TEXT NOT NULL,
    mode          TEXT NOT NULL CHECK (mode IN ('live', 'test')),
    name          TEXT NOT NULL,
    category      TEXT NOT NULL CHECK (category IN ('authentication', 'utility', 'marketing')),
    status        TEXT NOT NULL CHECK (status IN ('draft', 'pending', 'approved', 'rejected', 'paused', 'disabled')),
    translations  TEXT NOT NULL,                         -- JSON: [["en","Hi {{1}}"],…]
    PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX templates_by_name ON templates (account_id, mode, name);

-- What one number has received and failed lately. It outlives the sessions it counts.
CREATE TABLE number_ledgers (
    account_id   TEXT NOT NULL,
    mode         TEXT NOT NULL CHECK (mode IN ('live', 'test')),
    number       BLOB NOT NULL CHECK (length(number) = 32),
    sends        TEXT NOT NULL,                          -- JSON: [time,…]
    failures     TEXT NOT NULL,                          -- JSON: [time,…]
    live         TEXT NOT NULL,                          -- JSON: [["purpose","otp_…",expiry],…]
    verified_at  INTEGER,
    PRIMARY KEY (account_id, mode, number)
) STRICT, WITHOUT ROWID;

-- One code for one number and purpose. The code is not here: it is derived.
CREATE TABLE otp_sessions (
    account_id           TEXT    NOT NULL,
    id                   TEXT    NOT NULL,
    mode                 TEXT    NOT NULL CHECK (mode IN ('live', 'test')),
    purpose              TEXT    NOT NULL,
    code_length          INTEGER NOT NULL CHECK (code_length BETWEEN 4 AND 8),
    kid                  TEXT    NOT NULL CHECK (length(kid) = 8),
    recipient            BLOB    NOT NULL,               -- sealed
    number               BLOB    NOT NULL CHECK (length(number) = 32),
    metadata             BLOB,                           -- sealed
    delivery_id          TEXT    NOT NULL,               -- the latest
    status               TEXT    NOT NULL
        CHECK (status IN ('pending', 'verified', 'expired', 'locked', 'superseded', 'canceled', 'failed')),
    attempts             INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND attempts_max),
    attempts_max         INTEGER NOT NULL CHECK (attempts_max BETWEEN 1 AND 255),
    sends                INTEGER NOT NULL CHECK (sends BETWEEN 1 AND sends_max),
    sends_max            INTEGER NOT NULL CHECK (sends_max BETWEEN 1 AND 255),
    created_at           INTEGER NOT NULL,
    expires_at           INTEGER NOT NULL,
    resend_available_at  INTEGER NOT NULL,
    finished_at          INTEGER,
    PRIMARY KEY (account_id, id),
    CHECK ((status = 'pending') = (finished_at IS NULL))
) STRICT, WITHOUT ROWID;

-- Everything that is ever sent: the outbox, the timeline and the log in one.
CREATE TABLE deliveries (
    account_id           TEXT    NOT NULL,
    id                   TEXT    NOT NULL,
    mode                 TEXT    NOT NULL CHECK (mode IN ('live', 'test')),
    session_id           TEXT,                           -- what it carries: the code of this session …
    template_id          TEXT,                           -- … or this template
    previous_id          TEXT,                           -- the session's delivery before this one
    recipient            BLOB    NOT NULL,               -- sealed
    number               BLOB    NOT NULL CHECK (length(number) = 32),
    variables            BLOB,                           -- sealed
    metadata             BLOB,                           -- sealed
    locale               TEXT,
    status               TEXT    NOT NULL CHECK (status IN
        ('queued', 'unknown', 'accepted', 'sent', 'canceled', 'expired', 'failed', 'delivered', 'read')),
    queued_at            INTEGER,                        -- for each status, when it was first reached
    unknown_at           INTEGER,
    accepted_at          INTEGER,
    sent_at              INTEGER,
    canceled_at          INTEGER,
    expired_at           INTEGER,
    failed_at            INTEGER,
    delivered_at         INTEGER,
    read_at              INTEGER,
    error_code           INTEGER CHECK (error_code BETWEEN 0 AND 4294967295),
    error_title          TEXT,
    error_detail         TEXT,
    provider_message_id  TEXT,
    attempts             INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND 4294967295),
    in_doubt             INTEGER NOT NULL CHECK (in_doubt BETWEEN 0 AND attempts),  -- those of unknown outcome
    lease_token          INTEGER NOT NULL CHECK (lease_token >= 0),
    leased               INTEGER NOT NULL CHECK (leased IN (0, 1)),
    due_at               INTEGER,                        -- while it is leased, when the lease runs out
    created_at           INTEGER NOT NULL,
    expires_at           INTEGER NOT NULL,
    PRIMARY KEY (account_id, id),
    CHECK ((session_id IS NULL) <> (template_id IS NULL)),
    CHECK ((error_code IS NULL) = (error_title IS NULL) AND (error_code IS NULL) = (error_detail IS NULL)),
    CHECK (leased = 0 OR due_at IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- The outbox. The only second index on a hot table, and it holds only what somebody has to look at again.
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE idempotency_claims (
    account_id     TEXT    NOT NULL,
    mode           TEXT    NOT NULL CHECK (mode IN ('live', 'test')),
    key            BLOB    NOT NULL CHECK (length(key) = 32),
    fingerprint    BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    subject        TEXT,                                 -- what the work was done to, if work was done
    lease_until    INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    answer_status  INTEGER CHECK (answer_status BETWEEN 100 AND 599),
    answer         BLOB,                                 -- sealed
    PRIMARY KEY (account_id, mode, key),
    CHECK ((answer_status IS NULL) = (answer IS NULL)),
    CHECK (subject IS NOT NULL OR answer IS NOT NULL)
) STRICT, WITHOUT ROWID;
