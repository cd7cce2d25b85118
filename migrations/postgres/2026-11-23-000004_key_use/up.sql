-- When a key last let somebody in, to about a minute: so that keys nobody uses can be found.

ALTER TABLE api_keys ADD COLUMN last_used_at BIGINT;
