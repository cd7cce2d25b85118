//! What keeps the schema ready to be distributed by account.

use super::server::{migrated, server};

/// Tables that belong to the installation, or are asked before it is known whose the row is. They are small, or could be
/// distributed by another key.
const WITHOUT_ACCOUNT: [(&str, &str); 16] = [
    ("__diesel_schema_migrations", "the list of migrations"),
    ("installation", "one row"),
    ("master_keys", "a few rows of the installation"),
    ("accounts", "its id is the account"),
    ("api_keys", "the key is what says whose a request is"),
    ("users", "an e-mail address says who logs in, before it is known whose they are"),
    ("console_sessions", "the token is what says whose a request is"),
    ("console_links", "the token is what says whose account it opens"),
    ("log_in_tries", "counts tries for addresses that nobody has, too"),
    ("senders", "senders belong to the installation (ADR 0008)"),
    ("audit_log", "one chain for the installation, in the order of its entries"),
    ("audit_head", "one row"),
    ("canned_replies", "what the people of the platform have ready, for every account's tickets"),
    ("events", "for the operator; few are about one account"),
    ("provider_messages", "a report that gives no reference back is joined by the provider's id alone"),
    ("waiting_reports", "a report waits because nobody knows whose it is"),
];

#[tokio::test]
async fn every_unique_key_leads_with_the_account() {
    let query = "SELECT t.relname || ' ' || i.relname || ' ' || a.attname FROM pg_index x
        JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
        WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace ORDER BY 1";
    let keys = server().psql(&migrated().await, query);
    let mut exceptions = Vec::new();
    for line in keys.lines() {
        let [table, key, first] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        if first != "account_id" {
            assert!(WITHOUT_ACCOUNT.iter().any(|(exempt, _)| *exempt == table), "{key} of {table} begins with {first}");
            exceptions.push(table);
        }
    }
    for (table, reason) in WITHOUT_ACCOUNT {
        assert!(exceptions.contains(&table), "{table} is no exception any more: {reason}");
    }
}

#[tokio::test]
async fn nothing_in_the_schema_ties_accounts_together() {
    let database = migrated().await;
    let count = |query: &str| server().psql(&database, query).trim().to_owned();
    assert_eq!(count("SELECT count(*) FROM pg_sequences"), "0");
    assert_eq!(count("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), "0");
    let ties = "SELECT string_agg(DISTINCT conrelid::regclass::text, ' ') FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(count(ties), "account_senders api_keys", "what operators make, a few rows");
    // Ids are compared byte by byte, whatever the order of the database.
    let ids = "SELECT count(*) FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid
        JOIN pg_collation c ON c.oid = a.attcollation
        WHERE t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace AND a.attname IN ('id', 'account_id')
          AND c.collname <> 'C'";
    assert_eq!(count(ids), "0");
}
