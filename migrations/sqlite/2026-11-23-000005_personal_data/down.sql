DROP INDEX deliveries_with_variables;
DROP TABLE master_keys;
