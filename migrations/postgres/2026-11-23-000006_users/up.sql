-- Who logs in to the console. An address and a token say who somebody is before it is known whose they are, so these tables
-- are found by those; they are small.

CREATE TABLE users (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id      TEXT COLLATE "C" NOT NULL,
    role            TEXT    NOT NULL CHECK (role IN ('owner', 'admin', 'developer', 'support', 'viewer')),
    operator        INTEGER NOT NULL CHECK (operator IN (0, 1)),
    email_index     BYTEA   NOT NULL CHECK (length(email_index) = 32),
    email           BYTEA   NOT NULL,                    -- sealed
    name            BYTEA   NOT NULL,                    -- sealed
    password        TEXT    NOT NULL,                    -- Argon2id, as a PHC string
    totp            BYTEA,                                -- sealed
    totp_pending    BYTEA,                                -- sealed
    totp_step       BIGINT  NOT NULL,                    -- the last one that was used up
    recovery_codes  TEXT    NOT NULL,                    -- hashes in hex, separated by spaces
    created_at      BIGINT  NOT NULL,
    last_login_at   BIGINT,
    disabled_at     BIGINT
);

CREATE UNIQUE INDEX users_by_email ON users (email_index);
CREATE INDEX users_by_account ON users (account_id, created_at);

CREATE TABLE console_sessions (
    id                TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id        TEXT COLLATE "C" NOT NULL,
    user_id           TEXT COLLATE "C" NOT NULL,
    hash              BYTEA   NOT NULL CHECK (length(hash) = 32),  -- of the token
    user_agent        TEXT    NOT NULL,
    created_at        BIGINT  NOT NULL,
    authenticated_at  BIGINT  NOT NULL,
    last_seen_at      BIGINT  NOT NULL
);

CREATE UNIQUE INDEX console_sessions_by_hash ON console_sessions (hash);
CREATE INDEX console_sessions_by_user ON console_sessions (user_id);

-- Links that can be used once.
CREATE TABLE console_links (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id  TEXT COLLATE "C" NOT NULL,                        -- '' for the first user, who will have one
    kind        TEXT    NOT NULL CHECK (kind IN ('bootstrap', 'invitation', 'reset')),
    hash        BYTEA   NOT NULL CHECK (length(hash) = 32),  -- of the token
    user_id     TEXT COLLATE "C",                                    -- who invites, or whose password it sets
    role        TEXT    CHECK (role IN ('owner', 'admin', 'developer', 'support', 'viewer')),
    email       BYTEA,                                    -- sealed; who is invited
    created_at  BIGINT  NOT NULL,
    expires_at  BIGINT  NOT NULL,
    CHECK ((kind = 'bootstrap') = (user_id IS NULL)),
    CHECK ((kind = 'invitation') = (role IS NOT NULL) AND (kind = 'invitation') = (email IS NOT NULL))
);

CREATE UNIQUE INDEX console_links_by_hash ON console_links (hash);
CREATE INDEX console_links_by_account ON console_links (account_id, kind);

-- Failures to log in, by the address that was tried, whether anybody has it or not.
CREATE TABLE log_in_tries (
    email     BYTEA   NOT NULL PRIMARY KEY CHECK (length(email) = 32),  -- a keyed hash
    failures  BIGINT  NOT NULL CHECK (failures BETWEEN 0 AND 4294967295),
    last_at   BIGINT  NOT NULL
);

CREATE INDEX log_in_tries_by_age ON log_in_tries (last_at);
