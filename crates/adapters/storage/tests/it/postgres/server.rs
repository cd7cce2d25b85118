//! A throwaway PostgreSQL for this test process, whose log and settings a test can get at, and a database of its own for each test.

use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use secrecy::SecretString;
use tokio::sync::OnceCell;
use whatotp_storage::postgres::{PostgresSettings, migrate};

/// The server. The shell that runs it ends it when this process, whose pipe it reads from, is gone.
pub(super) struct Server {
    port: u16,
    directory: PathBuf,
    _shell: Child,
}

/// What runs until its input ends: make a cluster, serve it, and remove it.
const SCRIPT: &str = r#"
cd / && "$1/initdb" -D "$2/data" -A trust -U whatotp -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null &&
{ "$1/postgres" -D "$2/data" -c port="$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \
    -c max_connections=400 -c logging_collector=off -c autovacuum=off 2>"$2/log" & }
until "$1/pg_isready" -q -h 127.0.0.1 -p "$3"; do read -t 0.05 nothing; [ $? = 1 ] && break; done
echo ready
while read nothing; do :; done
kill -INT $! ; wait $! ; rm -rf "$2"
"#;

pub(super) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

fn binaries() -> PathBuf {
    std::env::var_os("POSTGRES_BIN").map_or_else(|| PathBuf::from("/usr/lib/postgresql/15/bin"), PathBuf::from)
}

impl Server {
    pub(super) fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let name = format!("whatotp-postgres-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        let mut command = if is_root() {
            // PostgreSQL does not run as root.
            assert!(Command::new("chown").arg("postgres").arg(&directory).status().unwrap().success());
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "bash"]);
            command
        } else {
            Command::new("bash")
        };
        command.arg("-c").arg(SCRIPT).arg("postgres").arg(binaries()).arg(&directory).arg(port.to_string());
        let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = [0; 6];
        shell.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        Self { port, directory, _shell: shell }
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap()
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn url(&self, database: &str) -> SecretString {
        format!("postgres://whatotp@127.0.0.1:{}/{database}?sslmode=disable", self.port).into()
    }

    /// Carries out statements on a database.
    pub(super) fn psql(&self, database: &str, statements: &str) -> String {
        let output = Command::new(binaries().join("psql"))
            .args(["-h", "127.0.0.1", "-U", "whatotp", "-XAtq", "-v", "ON_ERROR_STOP=1"])
            .args(["-p", &self.port.to_string(), "-d", database, "-c", statements])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc/self").metadata().unwrap().uid() == 0
}

/// The name of a new and empty database.
pub(super) fn empty() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("empty_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    server().psql("postgres", &format!("CREATE DATABASE {name} STRATEGY file_copy"));
    name
}

/// The name of a new database with our tables.
pub(super) async fn migrated() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static TEMPLATE: OnceCell<()> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(async || {
            server().psql("postgres", "CREATE DATABASE template_whatotp");
            migrate(&server().url("template_whatotp"), false).await.unwrap();
        })
        .await;
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    server().psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template_whatotp STRATEGY file_copy"));
    name
}

pub(super) fn settings(database: &str) -> PostgresSettings {
    PostgresSettings::new(server().url(database))
}
