-- Which master keys the data was sealed with, or codes derived from: a key file that lacks one of them is refused. Nothing of
-- a key is in its id.
CREATE TABLE master_keys (
    kid  TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(kid) = 8)
);

-- A sealed value begins with the version of its form and the id of its key.
INSERT INTO master_keys (kid)
SELECT DISTINCT encode(substr(sealed, 2, 4), 'hex') FROM (
    SELECT recipient AS sealed FROM otp_sessions
    UNION ALL SELECT recipient FROM deliveries
    UNION ALL SELECT answer FROM idempotency_claims
    UNION ALL SELECT access_token FROM senders
) AS everything
WHERE length(sealed) >= 45 AND substr(sealed, 1, 1) = '\x01'::bytea
UNION SELECT kid FROM otp_sessions WHERE status = 'pending';

-- The values of templates are wiped before their messages are forgotten. It holds only those that are still there, whoever's
-- they are, by age.
CREATE INDEX deliveries_with_variables ON deliveries (id) WHERE variables IS NOT NULL;
