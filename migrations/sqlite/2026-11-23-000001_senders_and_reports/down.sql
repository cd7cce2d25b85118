-- What the schema before cannot hold is lost: senders, reports, events, the templates of business accounts, headers,
-- footers and buttons, and the ids that messages have at the provider.
DELETE FROM templates WHERE waba_id <> '';

DROP INDEX templates_by_name;

CREATE UNIQUE INDEX templates_by_name ON templates (account_id, mode, name);

ALTER TABLE templates DROP COLUMN waba_id;

UPDATE templates SET translations = (
    SELECT json_group_array(json_array(value ->> 'locale', value ->> 'body') ORDER BY key)
    FROM json_each(templates.translations)
);

ALTER TABLE deliveries DROP COLUMN fallback;
ALTER TABLE deliveries DROP COLUMN sender_id;
ALTER TABLE deliveries DROP COLUMN route;
ALTER TABLE deliveries ADD COLUMN provider_message_id TEXT;

DROP TABLE events;
DROP TABLE waiting_reports;
DROP TABLE provider_messages;
DROP TABLE account_senders;
DROP TABLE senders;
