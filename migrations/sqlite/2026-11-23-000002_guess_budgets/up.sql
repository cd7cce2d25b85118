-- Guesses are set aside for a session when it is issued, and wrong ones are counted until a right one ends the row.
--
-- From here on a number has, besides its ledger in each account, one over all of them: its account_id is '' and its number
-- another keyed hash.

ALTER TABLE number_ledgers ADD COLUMN short_failures TEXT NOT NULL DEFAULT '[]';  -- JSON: [time,…], those of failures with a short code
ALTER TABLE number_ledgers ADD COLUMN in_a_row INTEGER NOT NULL DEFAULT 0 CHECK (in_a_row BETWEEN 0 AND 4294967295);
ALTER TABLE number_ledgers ADD COLUMN reserved TEXT NOT NULL DEFAULT '[]';        -- JSON: [["otp_…",guesses,short,expiry],…]
