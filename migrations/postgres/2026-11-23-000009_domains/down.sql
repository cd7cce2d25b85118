ALTER TABLE deliveries
    ALTER COLUMN mode TYPE TEXT COLLATE "C",
    ALTER COLUMN number TYPE BYTEA,
    ALTER COLUMN status TYPE TEXT,
    ALTER COLUMN error_code TYPE BIGINT,
    ALTER COLUMN route TYPE BIGINT,
    ALTER COLUMN fallback TYPE INTEGER,
    ALTER COLUMN attempts TYPE BIGINT,
    ALTER COLUMN lease_token TYPE BIGINT,
    ALTER COLUMN leased TYPE INTEGER,
    ALTER COLUMN country TYPE TEXT COLLATE "C",
    ADD CONSTRAINT deliveries_mode_check CHECK (mode IN ('live', 'test')),
    ADD CONSTRAINT deliveries_number_check CHECK (length(number) = 32),
    ADD CONSTRAINT deliveries_status_check CHECK (status IN
        ('queued', 'unknown', 'accepted', 'sent', 'canceled', 'expired', 'failed', 'delivered', 'read')),
    ADD CONSTRAINT deliveries_error_code_check CHECK (error_code BETWEEN 0 AND 4294967295),
    ADD CONSTRAINT deliveries_route_check CHECK (route BETWEEN 0 AND 4294967295),
    ADD CONSTRAINT deliveries_fallback_check CHECK (fallback IN (0, 1)),
    ADD CONSTRAINT deliveries_attempts_check CHECK (attempts BETWEEN 0 AND 4294967295),
    ADD CONSTRAINT deliveries_lease_token_check CHECK (lease_token >= 0),
    ADD CONSTRAINT deliveries_leased_check CHECK (leased IN (0, 1)),
    ADD CONSTRAINT deliveries_country_check CHECK (length(country) BETWEEN 2 AND 3);

ALTER TABLE provider_messages
    ALTER COLUMN message TYPE BYTEA,
    ALTER COLUMN mode TYPE TEXT COLLATE "C",
    ADD CONSTRAINT provider_messages_message_check CHECK (length(message) = 32),
    ADD CONSTRAINT provider_messages_mode_check CHECK (mode IN ('live', 'test'));

ALTER TABLE number_ledgers
    ALTER COLUMN mode TYPE TEXT COLLATE "C",
    ALTER COLUMN number TYPE BYTEA,
    ALTER COLUMN in_a_row TYPE BIGINT,
    ADD CONSTRAINT number_ledgers_mode_check CHECK (mode IN ('live', 'test')),
    ADD CONSTRAINT number_ledgers_number_check CHECK (length(number) = 32),
    ADD CONSTRAINT number_ledgers_in_a_row_check CHECK (in_a_row BETWEEN 0 AND 4294967295);

ALTER TABLE otp_sessions
    ALTER COLUMN mode TYPE TEXT COLLATE "C",
    ALTER COLUMN code_length TYPE INTEGER,
    ALTER COLUMN kid TYPE TEXT,
    ALTER COLUMN number TYPE BYTEA,
    ALTER COLUMN status TYPE TEXT,
    ALTER COLUMN attempts_max TYPE INTEGER,
    ALTER COLUMN sends_max TYPE INTEGER,
    ADD CONSTRAINT otp_sessions_mode_check CHECK (mode IN ('live', 'test')),
    ADD CONSTRAINT otp_sessions_code_length_check CHECK (code_length BETWEEN 4 AND 8),
    ADD CONSTRAINT otp_sessions_kid_check CHECK (length(kid) = 8),
    ADD CONSTRAINT otp_sessions_number_check CHECK (length(number) = 32),
    ADD CONSTRAINT otp_sessions_status_check
        CHECK (status IN ('pending', 'verified', 'expired', 'locked', 'superseded', 'canceled', 'failed')),
    ADD CONSTRAINT otp_sessions_attempts_max_check CHECK (attempts_max BETWEEN 1 AND 255),
    ADD CONSTRAINT otp_sessions_sends_max_check CHECK (sends_max BETWEEN 1 AND 255);

DROP DOMAIN account_mode, session_status, delivery_status, keyed_hash, key_id, country_code, code_length, small_count,
    large_count, lease_token, flag;
