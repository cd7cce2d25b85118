ALTER TABLE otp_sessions DROP COLUMN client_ip;
DROP TABLE traffic;
DROP TABLE destination_blocks;
DROP TABLE account_usage;
DROP TABLE account_rules;
