//! TLS, with a certificate that the system trusts and with one that it does not.

use std::net::TcpListener;
use std::process::Command;

use tempfile::TempDir;
use whatotp_testkit::{RedisKind, RedisServer};

use super::process;

/// The URL of a server whose certificate the system trusts, for the test that is run by another.
const TRUSTED: &str = "WHATOTP_TEST_TRUSTED_REDIS";

/// A server with a certificate of its own, for 127.0.0.1.
struct TlsServer {
    directory: TempDir,
    port: u16,
    _server: RedisServer,
}

impl TlsServer {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        openssl.args(["-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1"]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "cert.pem"]);
        let output = openssl.current_dir(directory.path()).output().expect("openssl starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = |name| directory.path().join(name).to_str().unwrap().to_owned();
        let (tls_port, certificate, key) = (port.to_string(), file("cert.pem"), file("key.pem"));
        let files = ["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-auth-clients", "no"];
        let options = [&["--tls-port", &tls_port][..], &files[..]].concat();
        let server = RedisServer::start_with(RedisKind::Redis, &options);
        Self { directory, port, _server: server }
    }

    fn url(&self) -> String {
        format!("rediss://127.0.0.1:{}", self.port)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_trusts_is_not_spoken_to() {
    let server = TlsServer::start();
    assert!(!process(&server.url()).await.is_shared());
}

#[test]
fn a_certificate_that_the_system_trusts_is_verified_for_its_host() {
    let server = TlsServer::start();
    let certificate = server.directory.path().join("cert.pem");
    for (url, is_shared) in [(server.url(), true), (server.url().replace("127.0.0.1", "localhost"), false)] {
        let mut test = Command::new(std::env::current_exe().unwrap());
        test.args(["--exact", "tls::the_server_of_the_environment_is_shared"]);
        let output = test.env("SSL_CERT_FILE", &certificate).env(TRUSTED, &url).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.contains("running 1 test"), "{printed}");
        assert_eq!(output.status.success(), is_shared, "{url}: {printed}");
    }
}

/// Run by the test above, in a process whose system trusts the certificate.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_of_the_environment_is_shared() {
    if let Ok(url) = std::env::var(TRUSTED) {
        assert!(process(&url).await.is_shared());
    }
}
