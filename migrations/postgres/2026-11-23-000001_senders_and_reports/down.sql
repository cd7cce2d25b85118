DROP TABLE events;
DROP TABLE waiting_reports;
DROP TABLE provider_messages;
DROP TABLE account_senders;
DROP TABLE senders;
