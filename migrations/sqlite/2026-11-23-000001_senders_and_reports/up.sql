-- Senders, and what the provider reports about the messages that went out from them.

-- A number that messages are sent from.
CREATE TABLE senders (
    id             TEXT    NOT NULL PRIMARY KEY,         -- Meta's phone_number_id
    waba_id        TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    base_url       TEXT    NOT NULL,
    api_version    TEXT    NOT NULL,
    messages_path  TEXT    NOT NULL,
    templates_path TEXT    NOT NULL,
    auth_header    TEXT    NOT NULL,
    auth_prefix    TEXT    NOT NULL,
    access_token   BLOB    NOT NULL,                     -- sealed
    otp_template   TEXT    NOT NULL,
    shared         INTEGER NOT NULL CHECK (shared IN (0, 1)),
    configured     INTEGER NOT NULL CHECK (configured IN (0, 1)),
    quality        TEXT    NOT NULL CHECK (quality IN ('red', 'yellow', 'unknown', 'green')),
    created_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The senders that an account uses instead of the shared ones.
CREATE TABLE account_senders (
    account_id  TEXT    NOT NULL REFERENCES accounts (id),
    position    INTEGER NOT NULL CHECK (position >= 0),  -- the first choice has the smallest; some may be missing
    sender_id   TEXT    NOT NULL REFERENCES senders (id),
    PRIMARY KEY (account_id, position),
    UNIQUE (account_id, sender_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX account_senders_by_sender ON account_senders (sender_id);

-- A delivery by the hash of the id that it has at the provider. The day leads, so that new rows and a purge stay in one
-- corner of the tree each; a look-up goes back from day to day.
CREATE TABLE provider_messages (
    day          INTEGER NOT NULL,                       -- since 1970, of when the provider told us the id
    message      BLOB    NOT NULL CHECK (length(message) = 32),
    account_id   TEXT    NOT NULL,
    mode         TEXT    NOT NULL CHECK (mode IN ('live', 'test')),
    delivery_id  TEXT    NOT NULL,
    PRIMARY KEY (day, message)
) STRICT, WITHOUT ROWID;

-- Reports on messages whose id nobody has told of yet. What is told twice is here once.
CREATE TABLE waiting_reports (
    message       BLOB    NOT NULL CHECK (length(message) = 32),
    status        TEXT    NOT NULL CHECK (status IN
        ('queued', 'unknown', 'accepted', 'sent', 'canceled', 'expired', 'failed', 'delivered', 'read')),
    at            INTEGER NOT NULL,
    error_code    INTEGER CHECK (error_code BETWEEN 0 AND 4294967295),
    error_title   TEXT,
    error_detail  TEXT,
    reported_at   INTEGER NOT NULL,
    PRIMARY KEY (message, status, at),
    CHECK ((error_code IS NULL) = (error_title IS NULL) AND (error_code IS NULL) = (error_detail IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX waiting_reports_by_age ON waiting_reports (reported_at);

-- What happened, for the operator.
CREATE TABLE events (
    id           TEXT    NOT NULL PRIMARY KEY,
    at           INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    account_id   TEXT,                                   -- whose, if it is about one account
    subject      TEXT    NOT NULL,
    detail       TEXT    NOT NULL,
    fingerprint  BLOB    NOT NULL CHECK (length(fingerprint) = 32)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX events_by_fingerprint ON events (fingerprint);

-- The provider's id held the recipient's number, in base64. `provider_messages` has a keyed hash of it instead.
ALTER TABLE deliveries DROP COLUMN provider_message_id;

-- Which of the account's senders is the next to try, or was the last, from 0; and who that is.
ALTER TABLE deliveries ADD COLUMN route INTEGER NOT NULL DEFAULT 0 CHECK (route BETWEEN 0 AND 4294967295);
ALTER TABLE deliveries ADD COLUMN sender_id TEXT;

-- Whether it was made because `previous_id`, with the same code, had not arrived.
ALTER TABLE deliveries ADD COLUMN fallback INTEGER NOT NULL DEFAULT 0 CHECK (fallback IN (0, 1));

-- A template belongs to a business account, whose senders alone can send it; in test mode to none, which is ''.
ALTER TABLE templates ADD COLUMN waba_id TEXT NOT NULL DEFAULT '';

DROP INDEX templates_by_name;

CREATE UNIQUE INDEX templates_by_name ON templates (account_id, mode, waba_id, name);

-- Each language has a status of its own now, and more than a body. `status` says what they come to together. The form was
-- [["en","Hi {{1}}"],…], and is [{"locale":"en","status":"approved","body":"Hi {{1}}",…},…]. The order means something:
-- the first is the last resort.
UPDATE templates SET translations = (
    SELECT json_group_array(json_object(
        'locale', value ->> 0,
        'status', templates.status,
        'header', NULL,
        'body', value ->> 1,
        'footer', NULL,
        'buttons', json_array(),
        'code_expires_after_seconds', NULL
    ) ORDER BY key)
    FROM json_each(templates.translations)
);
