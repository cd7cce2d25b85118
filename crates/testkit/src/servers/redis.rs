use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::process::{Manners, Process};
use super::{binaries, free_port};

/// How often another port is tried when somebody else was faster.
const TRIES: usize = 5;
const MANNERS: Manners = Manners { ready: "Ready to accept connections", on_stderr: false, end: "KILL" };

/// Whose server it is: they speak the same protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisKind {
    /// `redis-server`, or what `WHATOTP_TEST_REDIS` names.
    Redis,
    /// `valkey-server`, or what `WHATOTP_TEST_VALKEY` names.
    Valkey,
}

impl RedisKind {
    fn program(self) -> PathBuf {
        match self {
            Self::Redis => binaries::program("WHATOTP_TEST_REDIS", "redis-server"),
            Self::Valkey => binaries::program("WHATOTP_TEST_VALKEY", "valkey-server"),
        }
    }
}

/// A Redis or Valkey of its own, which keeps nothing on disk.
#[derive(Debug)]
pub struct RedisServer {
    kind: RedisKind,
    port: u16,
    options: Vec<String>,
    // Before its directory: fields are dropped in this order.
    process: Option<Process>,
    directory: TempDir,
}

impl RedisServer {
    /// Starts one.
    ///
    /// # Panics
    /// When its program is not there, or with what it printed when it does not start.
    #[must_use]
    pub fn start(kind: RedisKind) -> Self {
        Self::start_with(kind, &[])
    }

    /// Starts one with more options of its command line, such as `--requirepass`, `secret`.
    #[must_use]
    pub fn start_with(kind: RedisKind, options: &[&str]) -> Self {
        let mut printed = String::new();
        for _ in 0..TRIES {
            let mut server = Self {
                kind,
                port: free_port(),
                options: options.iter().map(ToString::to_string).collect(),
                directory: TempDir::new().expect("a temporary directory is made"),
                process: None,
            };
            match server.run() {
                Ok(process) => {
                    server.process = Some(process);
                    return server;
                }
                Err(output) => printed = output,
            }
        }
        panic!("{kind:?} did not start; it printed:\n{printed}");
    }

    /// `redis://127.0.0.1:…`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port it listens on, the same after every start.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Ends it where it stands (SIGKILL). All that was in it is lost.
    pub fn stop(&mut self) {
        drop(self.process.take().expect("the server runs"));
    }

    /// Starts it again, empty and on the same port.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server runs");
        self.process = Some(self.run().unwrap_or_else(|printed| panic!("it did not start again:\n{printed}")));
    }

    /// Halts it (SIGSTOP): connections stay open, and the system takes new ones, but nobody answers.
    pub fn pause(&self) {
        self.process().signal("STOP");
    }

    /// Lets it go on after [`RedisServer::pause`].
    pub fn resume(&self) {
        self.process().signal("CONT");
    }

    /// Forgets everything, as an operator does by mistake.
    pub fn flush(&self) {
        assert_eq!(self.command(&["FLUSHALL"]), "OK");
    }

    /// Sends one command and returns the answer as text; that of an array, one line for each element.
    ///
    /// # Panics
    /// When the server cannot be reached or answers with an error.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> String {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            write!(request, "${}\r\n{word}\r\n", word.len()).expect("a string takes everything");
        }
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("the server is there");
        stream.write_all(request.as_bytes()).expect("the server reads");
        answer(&mut BufReader::new(stream)).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("the server runs")
    }

    fn run(&self) -> Result<Process, String> {
        let mut command = Command::new(self.kind.program());
        command.arg("--port").arg(self.port.to_string()).arg("--dir").arg(self.directory.path());
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]).args(&self.options);
        Process::start(command, self.directory.path(), &MANNERS)
    }
}

/// One answer of the protocol, RESP2.
fn answer(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| io::Error::other("no answer"))?;
    let length = || rest.parse::<i64>().map_err(io::Error::other);
    match kind {
        "+" | ":" => Ok(rest.to_owned()),
        "$" => {
            let Ok(length) = usize::try_from(length()?) else { return Ok(String::new()) };
            let mut bytes = vec![0; length + 2];
            reader.read_exact(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
        }
        "*" => (0..length()?).map(|_| answer(reader)).collect::<io::Result<Vec<_>>>().map(|all| all.join("\n")),
        _ => Err(io::Error::other(line.to_owned())),
    }
}
