-- What the log of deliveries is searched and counted by, what an operator does about a message that was given up, and
-- accounts that are suspended.

ALTER TABLE deliveries ADD COLUMN country TEXT CHECK (length(country) BETWEEN 2 AND 3);  -- where the number belongs
ALTER TABLE deliveries ADD COLUMN key_id TEXT;               -- the API key that asked for it; NULL when none did
ALTER TABLE deliveries ADD COLUMN request_id TEXT;           -- the request that asked for it
ALTER TABLE deliveries ADD COLUMN discarded_at INTEGER;      -- when an operator had seen that it was given up

-- The dead letters: whoever's they are, by age. It holds no column that changes on the way of a message that arrives.
CREATE INDEX deliveries_given_up ON deliveries (id)
    WHERE (failed_at IS NOT NULL OR expired_at IS NOT NULL) AND discarded_at IS NULL;

-- A suspended account may read and nothing else.
ALTER TABLE account_rules ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1));
