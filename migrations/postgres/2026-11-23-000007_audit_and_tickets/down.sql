DROP TABLE canned_replies;
DROP TABLE ticket_comments;
DROP TABLE tickets;
DROP TABLE audit_head;
DROP TABLE audit_log;
