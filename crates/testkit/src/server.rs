use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use whatotp_domain::Mode;

const READY: &str = "listening on ";
/// How long anything that is waited for may take, before the test fails with the output so far.
const DEADLINE: Duration = Duration::from_secs(60);

/// A `whatotp` that is about to be started: see [`ServerProcess::builder`].
#[derive(Debug)]
#[must_use]
pub struct ServerBuilder {
    binary: PathBuf,
    directory: Directory,
    environment: Vec<(OsString, OsString)>,
    arguments: Vec<OsString>,
}

#[derive(Debug)]
enum Directory {
    Own(TempDir),
    Given(PathBuf),
}

impl Directory {
    fn path(&self) -> &Path {
        match self {
            Self::Own(directory) => directory.path(),
            Self::Given(path) => path,
        }
    }
}

impl ServerBuilder {
    /// Works in this directory, which is left as it is when the server ends; otherwise in a temporary one of its own.
    pub fn directory(self, path: impl Into<PathBuf>) -> Self {
        Self { directory: Directory::Given(path.into()), ..self }
    }

    /// With this environment variable. Nothing but `PATH` is taken over from the test's own environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// With this argument, after those before it.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Starts the server and waits until it listens.
    ///
    /// # Panics
    /// With everything it printed, when it ends or a minute passes before it says `listening on http://…`.
    #[must_use]
    pub fn start(self) -> ServerProcess {
        let mut server = self.spawn();
        let printed = server.output.wait_until(|printed| printed.ready.is_some() || printed.open_pipes == 0);
        let Some(base_url) = printed.ready.clone() else {
            let text = printed.text.clone();
            drop(printed);
            panic!("the server did not get ready; it printed:\n{text}");
        };
        drop(printed);
        server.base_url = base_url;
        server
    }

    /// Starts the server and does not wait for it: for one that is expected to refuse to start.
    #[must_use]
    pub fn spawn(self) -> ServerProcess {
        let mut command = command(&self.binary, self.directory.path(), &self.environment);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{} starts: {error}", self.binary.display()));
        let output = Arc::new(Output::default());
        output.follow(child.stdout.take().expect("standard output is piped"), true);
        output.follow(child.stderr.take().expect("standard error is piped"), false);
        ServerProcess { child, base_url: String::new(), output, directory: self.directory }
    }
}

/// A real `whatotp` process of its own; killed when dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    base_url: String,
    output: Arc<Output>,
    directory: Directory,
}

impl ServerProcess {
    /// A server from this executable (`env!("CARGO_BIN_EXE_whatotp")`), on a free port of `127.0.0.1`. Without
    /// arguments it is the quick start.
    pub fn builder(binary: impl Into<PathBuf>) -> ServerBuilder {
        let own = TempDir::new().expect("a temporary directory is made");
        ServerBuilder {
            binary: binary.into(),
            directory: Directory::Own(own),
            environment: vec![("WHATOTP_LISTEN".into(), "127.0.0.1:0".into())],
            arguments: Vec::new(),
        }
    }

    /// Where it listens, such as `http://127.0.0.1:41234`. Empty for one that was only spawned.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The directory it works in: the one given, or its own temporary one, which goes with it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has printed so far, on both outputs, line by line as it came.
    #[must_use]
    pub fn logs(&self) -> String {
        self.output.lock().text.clone()
    }

    /// What it has printed so far on standard output alone.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.output.lock().stdout.clone()
    }

    /// Waits until it has printed a line that contains `text`.
    ///
    /// # Panics
    /// With everything it printed, when it ends or a minute passes first.
    pub fn wait_for_line(&self, text: &str) {
        let printed = self.output.wait_until(|printed| printed.open_pipes == 0 || printed.text.contains(text));
        let (found, text_so_far) = (printed.text.contains(text), printed.text.clone());
        drop(printed);
        assert!(found, "the server did not print {text:?} but:\n{text_so_far}");
    }

    /// Kills it where it stands (SIGKILL), as a power failure would, and waits until it is gone.
    pub fn kill9(&mut self) -> ExitStatus {
        self.child.kill().expect("the process can be killed");
        self.wait()
    }

    /// Asks it to end (SIGTERM), as an init system does. [`ServerProcess::wait`] waits until it has.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Asks it to end (SIGINT), as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// Waits until it has ended and all that it printed has been read.
    ///
    /// # Panics
    /// With everything it printed, when it does not end within a minute.
    pub fn wait(&mut self) -> ExitStatus {
        let printed = self.output.wait_until(|printed| printed.open_pipes == 0);
        let (ended, text) = (printed.open_pipes == 0, printed.text.clone());
        drop(printed);
        assert!(ended, "the server did not end; it printed:\n{text}");
        self.child.wait().expect("the process can be waited for")
    }

    fn signal(&self, name: &str) {
        // The one way to send a signal without unsafe code or a crate for it.
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill starts").success(), "SIG{name} was not sent");
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Neither fails but for a process that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `whatotp keys create` in `directory` under these environment variables, and returns the new key's text.
///
/// # Panics
/// With everything it printed, when there is no key in it.
#[must_use]
pub fn create_key(binary: &Path, directory: &Path, environment: &[(&str, &str)], mode: Mode) -> String {
    let mut command = command(binary, directory, environment);
    command.args(["keys", "create", "--mode", mode.as_str(), "--json"]).stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|error| panic!("{} starts: {error}", binary.display()));
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "no key was made ({}):\n{printed}{errors}", output.status);
    let created: serde_json::Value =
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("not JSON ({error}):\n{printed}{errors}"));
    let key = created.get("key").and_then(serde_json::Value::as_str);
    key.unwrap_or_else(|| panic!("there is no key in:\n{printed}")).to_owned()
}

fn command<N: AsRef<OsStr>, V: AsRef<OsStr>>(binary: &Path, directory: &Path, environment: &[(N, V)]) -> Command {
    let mut command = Command::new(binary);
    command.current_dir(directory).env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// What a process has printed, and those who wait for more.
#[derive(Debug, Default)]
struct Output {
    printed: Mutex<Printed>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Printed {
    text: String,
    stdout: String,
    /// Where it listens, as soon as it has said so.
    ready: Option<String>,
    open_pipes: usize,
}

impl Output {
    /// Reads a pipe to its end, on a thread of its own: a full pipe would stop the process.
    fn follow(self: &Arc<Self>, pipe: impl Read + Send + 'static, is_stdout: bool) {
        self.lock().open_pipes += 1;
        let output = Arc::clone(self);
        thread::spawn(move || {
            let mut lines = BufReader::new(pipe);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                let text = String::from_utf8_lossy(&line);
                let mut printed = output.lock();
                printed.text.push_str(&text);
                if is_stdout {
                    printed.stdout.push_str(&text);
                    if let Some(url) = text.strip_prefix(READY) {
                        printed.ready.get_or_insert_with(|| url.trim().to_owned());
                    }
                }
                drop(printed);
                output.changed.notify_all();
                line.clear();
            }
            output.lock().open_pipes -= 1;
            output.changed.notify_all();
        });
    }

    /// Returns when `done`, or when the deadline has passed.
    fn wait_until(&self, done: impl Fn(&Printed) -> bool) -> MutexGuard<'_, Printed> {
        let waited = self.changed.wait_timeout_while(self.lock(), DEADLINE, |printed| !done(printed));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Printed> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> ServerBuilder {
        ServerProcess::builder("/bin/sh").arg("-c").arg(script)
    }

    #[test]
    fn it_is_started_when_it_listens_and_killed_on_demand() {
        let mut server = shell("echo starting >&2; echo listening on http://127.0.0.1:4321; exec sleep 1000")
            .env("WHATOTP_ROLE", "all")
            .start();
        assert_eq!(server.base_url(), "http://127.0.0.1:4321");
        assert_eq!(server.stdout(), "listening on http://127.0.0.1:4321\n");
        assert!(!server.kill9().success());
    }

    #[test]
    fn it_ends_when_asked_and_everything_it_printed_is_kept() {
        let script = "sleep 1000 >/dev/null 2>&1 & \
            trap 'echo bye >&2; kill $!; exit 7' TERM; trap 'echo ^C; kill $!; exit 8' INT; \
            echo listening on http://localhost:1; wait $!";
        for (interrupt, code, word) in [(false, 7, "bye"), (true, 8, "^C")] {
            let mut server = shell(script).start();
            if interrupt {
                server.interrupt();
            } else {
                server.terminate();
            }
            server.wait_for_line(word);
            assert_eq!(server.wait().code(), Some(code), "{}", server.logs());
            assert!(server.logs().ends_with(&format!("{word}\n")));
        }
    }

    #[test]
    fn the_environment_is_clean() {
        let mut server = shell("env; pwd").env("WHATOTP_ROLE", "api").spawn();
        assert!(server.wait().success());
        let logs = server.logs();
        assert!(logs.contains("WHATOTP_ROLE=api") && logs.contains("WHATOTP_LISTEN=127.0.0.1:0"), "{logs}");
        assert!(!logs.contains("CARGO"), "{logs}");
        assert!(logs.contains(server.directory().to_str().unwrap()), "{logs}");
    }

    #[test]
    #[should_panic(expected = "no such database")]
    fn one_that_does_not_get_ready_shows_what_it_printed() {
        let _ = shell("echo no such database >&2; exit 1").start();
    }

    #[test]
    fn a_created_key_is_read_from_the_json() {
        let directory = TempDir::new().unwrap();
        let binary = directory.path().join("whatotp");
        std::fs::copy("/bin/echo", &binary).unwrap();
        // It prints its arguments, which are no JSON.
        let printed = std::panic::catch_unwind(|| create_key(&binary, directory.path(), &[], Mode::Test));
        let message = *printed.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("keys create --mode test --json"), "{message}");
    }
}
