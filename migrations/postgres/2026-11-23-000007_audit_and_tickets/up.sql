-- Who did what, and what customers ask the people of the platform.

-- The audit log. Each row's MAC covers the row before it.
CREATE TABLE audit_log (
    seq         BIGINT  NOT NULL PRIMARY KEY,
    id          TEXT    COLLATE "C" NOT NULL,
    at          BIGINT  NOT NULL,
    account_id  TEXT    COLLATE "C",
    actor       TEXT    NOT NULL,                        -- a user's id, 'command line' or 'system'
    action      TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    detail      TEXT    NOT NULL,
    mac         BYTEA   NOT NULL CHECK (length(mac) = 32)
);

CREATE INDEX audit_log_by_id ON audit_log (id);
CREATE INDEX audit_log_by_account ON audit_log (account_id, id) WHERE account_id IS NOT NULL;

-- From where to where it goes: one row.
CREATE TABLE audit_head (
    id          INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    anchor_seq  BIGINT  NOT NULL,                        -- the newest entry that is deleted
    anchor_mac  BYTEA   NOT NULL CHECK (length(anchor_mac) = 32),
    seq         BIGINT  NOT NULL,                        -- the newest entry
    mac         BYTEA   NOT NULL CHECK (length(mac) = 32),
    seal        BYTEA   NOT NULL CHECK (length(seal) = 32)
);

CREATE TABLE tickets (
    account_id  TEXT    COLLATE "C" NOT NULL,
    id          TEXT    COLLATE "C" NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('open', 'pending', 'closed')),
    priority    TEXT    NOT NULL CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    assignee    TEXT    COLLATE "C",
    link        TEXT    COLLATE "C",                                    -- a session or a message
    opened_by   TEXT    COLLATE "C" NOT NULL,
    subject     BYTEA   NOT NULL,                        -- sealed
    comments    BIGINT  NOT NULL CHECK (comments BETWEEN 0 AND 4294967295),
    created_at  BIGINT  NOT NULL,
    updated_at  BIGINT  NOT NULL,
    closed_at   BIGINT,
    PRIMARY KEY (account_id, id),
    CHECK ((status = 'closed') = (closed_at IS NOT NULL))
);

-- The queue of the people of the platform, over all accounts; and what to forget.
CREATE INDEX tickets_by_id ON tickets (id);
CREATE INDEX tickets_by_end ON tickets (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE ticket_comments (
    account_id  TEXT    COLLATE "C" NOT NULL,
    ticket_id   TEXT    COLLATE "C" NOT NULL,
    id          TEXT    COLLATE "C" NOT NULL,
    author      TEXT    COLLATE "C" NOT NULL,
    side        TEXT    NOT NULL CHECK (side IN ('customer', 'platform')),
    internal    INTEGER NOT NULL CHECK (internal IN (0, 1)),
    body        BYTEA   NOT NULL,                        -- sealed
    created_at  BIGINT  NOT NULL,
    PRIMARY KEY (account_id, ticket_id, id),
    CHECK (internal = 0 OR side = 'platform')
);

-- Answers to have ready, for every account's tickets.
CREATE TABLE canned_replies (
    id          TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
    title       TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL
);
