-- Senders, and what the provider reports about the messages that went out from them.

-- A number that messages are sent from.
CREATE TABLE senders (
    id             TEXT    COLLATE "C" NOT NULL PRIMARY KEY,  -- Meta's phone_number_id
    waba_id        TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    base_url       TEXT    NOT NULL,
    api_version    TEXT    NOT NULL,
    messages_path  TEXT    NOT NULL,
    templates_path TEXT    NOT NULL,
    auth_header    TEXT    NOT NULL,
    auth_prefix    TEXT    NOT NULL,
    access_token   BYTEA   NOT NULL,                     -- sealed
    otp_template   TEXT    NOT NULL,
    shared         INTEGER NOT NULL CHECK (shared IN (0, 1)),
    configured     INTEGER NOT NULL CHECK (configured IN (0, 1)),
    quality        TEXT    NOT NULL CHECK (quality IN ('red', 'yellow', 'unknown', 'green')),
    created_at     BIGINT  NOT NULL
);

-- The senders that an account uses instead of the shared ones.
CREATE TABLE account_senders (
    account_id  TEXT   COLLATE "C" NOT NULL REFERENCES accounts (id),
    position    BIGINT NOT NULL CHECK (position >= 0),   -- the first choice has the smallest; some may be missing
    sender_id   TEXT   COLLATE "C" NOT NULL REFERENCES senders (id),
    PRIMARY KEY (account_id, position),
    UNIQUE (account_id, sender_id)
);

CREATE INDEX account_senders_by_sender ON account_senders (sender_id);

-- A delivery by the hash of the id that it has at the provider. The day leads, so that new rows and a purge stay in one
-- corner of the index each; a look-up goes back from day to day.
CREATE TABLE provider_messages (
    day          BIGINT NOT NULL,                        -- since 1970, of when the provider told us the id
    message      BYTEA  NOT NULL CHECK (length(message) = 32),
    account_id   TEXT   COLLATE "C" NOT NULL,
    mode         TEXT   COLLATE "C" NOT NULL CHECK (mode IN ('live', 'test')),
    delivery_id  TEXT   COLLATE "C" NOT NULL,
    PRIMARY KEY (day, message)
);

-- Reports on messages whose id nobody has told of yet. What is told twice is here once.
CREATE TABLE waiting_reports (
    message       BYTEA  NOT NULL CHECK (length(message) = 32),
    status        TEXT   COLLATE "C" NOT NULL CHECK (status IN
        ('queued', 'unknown', 'accepted', 'sent', 'canceled', 'expired', 'failed', 'delivered', 'read')),
    at            BIGINT NOT NULL,
    error_code    BIGINT CHECK (error_code BETWEEN 0 AND 4294967295),
    error_title   TEXT,
    error_detail  TEXT,
    reported_at   BIGINT NOT NULL,
    PRIMARY KEY (message, status, at),
    CHECK ((error_code IS NULL) = (error_title IS NULL) AND (error_code IS NULL) = (error_detail IS NULL))
);

CREATE INDEX waiting_reports_by_age ON waiting_reports (reported_at);

-- What happened, for the operator.
CREATE TABLE events (
    id           TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    at           BIGINT NOT NULL,
    kind         TEXT   NOT NULL,
    account_id   TEXT   COLLATE "C",                     -- whose, if it is about one account
    subject      TEXT   NOT NULL,
    detail       TEXT   NOT NULL,
    fingerprint  BYTEA  NOT NULL CHECK (length(fingerprint) = 32)
);

CREATE UNIQUE INDEX events_by_fingerprint ON events (fingerprint);
