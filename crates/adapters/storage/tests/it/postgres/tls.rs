//! Which servers are believed to be the one that was asked for.

use std::process::Command;

use secrecy::SecretString;
use whatotp_storage::postgres::{PostgresOpenError, PostgresSettings, PostgresStore};

use super::server::Server;

/// Makes an authority, a server's certificate for `localhost` from it, and another authority that knows nobody.
const CERTIFICATES: &str = r#"
    cd "$1" && mkdir tls && cd tls
    authority() {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
            -keyout "$1.key" -out "$1.pem"
    }
    authority ours && authority other &&
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost \
        -keyout server.key -out server.csr &&
    printf "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n" > extensions &&
    openssl x509 -req -in server.csr -CA ours.pem -CAkey ours.key -CAcreateserial -days 2 -extfile extensions \
        -out server.pem &&
    chmod 600 server.key && { [ "$(id -u)" != 0 ] || chown -R postgres . ; }
"#;

#[tokio::test]
async fn a_server_is_believed_as_far_as_it_was_asked_to_show_itself() {
    let server = Server::start();
    let made = Command::new("bash").args(["-c", CERTIFICATES, "bash"]).arg(server.directory()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = |name: &str| server.directory().join("tls").join(name).display().to_string();
    for (name, value) in
        [("ssl_cert_file", file("server.pem")), ("ssl_key_file", file("server.key")), ("ssl", "on".into())]
    {
        server.psql("postgres", &format!("ALTER SYSTEM SET {name} = '{value}'"));
    }
    server.psql("postgres", "SELECT pg_reload_conf()");
    while server.psql("postgres", "SHOW ssl").trim() != "on" {}
    // From here on, whoever does not encrypt is turned away.
    let rules = server.directory().join("data/pg_hba.conf");
    std::fs::write(&rules, "hostssl all all all trust\n").unwrap();
    server.psql("postgres", "SELECT pg_reload_conf()");

    let (ours, other) = (file("ours.pem"), file("other.pem"));
    for (host, mode, authorities, is_believed) in [
        ("localhost", "disable", None, false),
        ("localhost", "prefer", None, true),
        ("127.0.0.1", "require", None, true),
        ("localhost", "verify-full", Some(&ours), true),
        ("127.0.0.1", "verify-full", Some(&ours), false),
        ("127.0.0.1", "verify-ca", Some(&ours), true),
        ("localhost", "verify-full", Some(&other), false),
        ("localhost", "verify-ca", Some(&other), false),
        ("127.0.0.1", "require", Some(&other), false),
        ("localhost", "verify-full", None, false),
        ("localhost", "verify-ca", None, false),
    ] {
        let authorities = authorities.map(|file| format!("&sslrootcert={file}")).unwrap_or_default();
        let url = format!("postgres://whatotp@{host}:{}/postgres?sslmode={mode}{authorities}", server.port());
        let error = PostgresStore::open(&PostgresSettings::new(SecretString::from(url))).await.err().unwrap();
        // The database is empty, which only those find out who are let in.
        let was_believed = matches!(error, PostgresOpenError::PendingMigrations { .. });
        assert_eq!(was_believed, is_believed, "{host} {mode}{authorities}: {error:?}");
    }
    let url = format!("postgres://whatotp@localhost:{}/postgres?sslrootcert=/nowhere.pem", server.port());
    let error = PostgresStore::open(&PostgresSettings::new(SecretString::from(url))).await.err().unwrap();
    assert!(matches!(&error, PostgresOpenError::Tls { reason } if reason.contains("/nowhere.pem")), "{error:?}");
}
