ALTER TABLE account_rules DROP COLUMN suspended;
DROP INDEX deliveries_given_up;
ALTER TABLE deliveries DROP COLUMN discarded_at;
ALTER TABLE deliveries DROP COLUMN request_id;
ALTER TABLE deliveries DROP COLUMN key_id;
ALTER TABLE deliveries DROP COLUMN country;
