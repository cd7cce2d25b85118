DELETE FROM number_ledgers WHERE account_id = '';
ALTER TABLE number_ledgers DROP COLUMN reserved;
ALTER TABLE number_ledgers DROP COLUMN in_a_row;
ALTER TABLE number_ledgers DROP COLUMN short_failures;
