DROP TABLE log_in_tries;
DROP TABLE console_links;
DROP TABLE console_sessions;
DROP TABLE users;
