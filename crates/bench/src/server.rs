//! A server process, and what it has used of the processor and of memory.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::Failure;

/// Linux counts processor time in hundredths of a second, whatever the kernel's own clock.
const TICK: Duration = Duration::from_millis(10);

/// It is killed when dropped, and its directory goes with it.
pub(crate) struct Server {
    process: Child,
    /// Where it listens: `127.0.0.1:41234`.
    pub(crate) address: String,
    /// What it printed before it listened.
    pub(crate) printed: String,
    _lines: Lines<BufReader<ChildStdout>>,
    _directory: TempDir,
}

impl Server {
    pub(crate) async fn start(binary: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Result<Self, Failure> {
        let directory = TempDir::new()?;
        let mut process = Command::new(binary)
            .args(arguments)
            .current_dir(directory.path())
            .env_clear()
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", binary.display()))?;
        let output = process.stdout.take().ok_or("no output")?;
        let (mut lines, mut printed) = (BufReader::new(output).lines(), String::new());
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = line.strip_prefix("listening on http://") {
                let address = address.to_owned();
                return Ok(Self { process, address, printed, _lines: lines, _directory: directory });
            }
            printed.push_str(&line);
            printed.push('\n');
        }
        Err(format!("{} ended before it listened:\n{printed}", binary.display()).into())
    }

    /// How long it has had a processor so far.
    pub(crate) fn processor_time(&self) -> Result<Duration, Failure> {
        let id = self.process.id().ok_or("the server has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The name before it may hold spaces and brackets.
        let (_, numbers) = stat.rsplit_once(") ").ok_or("/proc/…/stat is not as proc(5) says")?;
        let ticks: u32 = numbers.split(' ').skip(11).take(2).map(str::parse::<u32>).sum::<Result<_, _>>()?;
        Ok(TICK * ticks)
    }

    /// The most memory it has had resident at once, in MB.
    pub(crate) fn peak_memory(&self) -> Result<u64, Failure> {
        let id = self.process.id().ok_or("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("/proc/…/status has no VmHWM")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes / 1024)
    }
}
