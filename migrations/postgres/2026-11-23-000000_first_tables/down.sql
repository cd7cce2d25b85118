DROP TABLE idempotency_claims;
DROP TABLE deliveries;
DROP TABLE otp_sessions;
DROP TABLE number_ledgers;
DROP TABLE templates;
DROP TABLE api_keys;
DROP TABLE accounts;
DROP TABLE installation;
