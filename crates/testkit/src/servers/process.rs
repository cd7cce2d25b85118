use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

/// Waits until its standard input is closed, which the system does when the test process is gone, even after SIGKILL.
const WATCHDOG: &str = r#"
    trap "" HUP INT QUIT TERM
    cat
    kill -s "$2" "$1"; kill -s CONT "$1"
    for n in 1 2 3 4 5 6 7 8 9 10; do kill -s 0 "$1" || break; sleep 0.1; done
    rm -rf "$3""#;

/// How a kind of server begins and ends.
#[derive(Debug)]
pub(super) struct Manners {
    /// Part of the line that it prints when it is ready.
    pub(super) ready: &'static str,
    /// Whether it prints that on standard error.
    pub(super) on_stderr: bool,
    /// The signal that ends it at once, wherever it is.
    pub(super) end: &'static str,
}

/// A server's process, and a watchdog that ends it with the test process.
///
/// Not `PR_SET_PDEATHSIG`: that signal comes when the *thread* that started the server ends, and every test has its own.
#[derive(Debug)]
pub(super) struct Process {
    server: Child,
    watchdog: Child,
    end: &'static str,
}

impl Process {
    /// Starts a server that keeps its files in `directory`, and waits until it is ready.
    ///
    /// Returns what it printed when it ended instead.
    pub(super) fn start(mut command: Command, directory: &Path, manners: &Manners) -> Result<Self, String> {
        // Groups of their own: a signal to the tests' group is not for them.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut server = command.spawn().unwrap_or_else(|error| panic!("{command:?} starts: {error}"));
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "sh", &server.id().to_string(), manners.end])
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("the watchdog starts");
        let stdout: Box<dyn Read + Send> = Box::new(server.stdout.take().expect("it is piped"));
        let stderr: Box<dyn Read + Send> = Box::new(server.stderr.take().expect("it is piped"));
        let process = Self { server, watchdog, end: manners.end };

        let (spoken, other) = if manners.on_stderr { (stderr, stdout) } else { (stdout, stderr) };
        let other = drain(other);
        let mut lines = BufReader::new(spoken);
        let (mut printed, mut line) = (String::new(), Vec::new());
        while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            printed.push_str(&String::from_utf8_lossy(&line));
            if printed.contains(manners.ready) {
                drain(lines);
                return Ok(process);
            }
            line.clear();
        }
        Err(printed + &other.join().expect("a pipe is read"))
    }

    /// Sends it a signal, such as `STOP`.
    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.server.id().to_string()]).status();
        assert!(sent.expect("kill starts").success(), "SIG{name} was not sent");
    }
}

impl Drop for Process {
    /// Ends it. The watchdog goes first, while the server's id cannot be anybody else's.
    fn drop(&mut self) {
        let watchdog = self.watchdog.kill().and_then(|()| self.watchdog.wait());
        if self.server.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.signal(self.end);
            // One that is stopped takes the other signal only now.
            self.signal("CONT");
        }
        let ended = self.server.wait();
        assert!((watchdog.is_ok() && ended.is_ok()) || thread::panicking(), "the server did not end");
    }
}

/// Reads to the end, on a thread of its own: a full pipe would stop the server.
fn drain(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // An error ends the reading, as the end does.
        let _read = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
