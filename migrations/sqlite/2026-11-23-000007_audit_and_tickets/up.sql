-- Who did what, and what customers ask the people of the platform.

-- The audit log. Each row's MAC covers the row before it.
CREATE TABLE audit_log (
    seq         INTEGER NOT NULL PRIMARY KEY,
    id          TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    account_id  TEXT,
    actor       TEXT    NOT NULL,                        -- a user's id, 'command line' or 'system'
    action      TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    detail      TEXT    NOT NULL,
    mac         BLOB    NOT NULL CHECK (length(mac) = 32)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_log_by_id ON audit_log (id);
CREATE INDEX audit_log_by_account ON audit_log (account_id, id) WHERE account_id IS NOT NULL;

-- From where to where it goes: one row.
CREATE TABLE audit_head (
    id          INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    anchor_seq  INTEGER NOT NULL,                        -- the newest entry that is deleted
    anchor_mac  BLOB    NOT NULL CHECK (length(anchor_mac) = 32),
    seq         INTEGER NOT NULL,                        -- the newest entry
    mac         BLOB    NOT NULL CHECK (length(mac) = 32),
    seal        BLOB    NOT NULL CHECK (length(seal) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE tickets (
    account_id  TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('open', 'pending', 'closed')),
    priority    TEXT    NOT NULL CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    assignee    TEXT,
    link        TEXT,                                    -- a session or a message
    opened_by   TEXT    NOT NULL,
    subject     BLOB    NOT NULL,                        -- sealed
    comments    INTEGER NOT NULL CHECK (comments BETWEEN 0 AND 4294967295),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    closed_at   INTEGER,
    PRIMARY KEY (account_id, id),
    CHECK ((status = 'closed') = (closed_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- The queue of the people of the platform, over all accounts; and what to forget.
CREATE INDEX tickets_by_id ON tickets (id);
CREATE INDEX tickets_by_end ON tickets (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE ticket_comments (
    account_id  TEXT    NOT NULL,
    ticket_id   TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    author      TEXT    NOT NULL,
    side        TEXT    NOT NULL CHECK (side IN ('customer', 'platform')),
    internal    INTEGER NOT NULL CHECK (internal IN (0, 1)),
    body        BLOB    NOT NULL,                        -- sealed
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (account_id, ticket_id, id),
    CHECK (internal = 0 OR side = 'platform')
) STRICT, WITHOUT ROWID;

-- Answers to have ready, for every account's tickets.
CREATE TABLE canned_replies (
    id          TEXT    NOT NULL PRIMARY KEY,
    title       TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
