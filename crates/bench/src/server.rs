//! A server process, and what it has used of the processor and of memory.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::Failure;
use crate::load::now;
use crate::site::Site;

/// Linux counts processor time in hundredths of a second, whatever the kernel's own clock.
const TICK: Duration = Duration::from_millis(10);

/// It is killed when dropped.
pub(crate) struct Server<'a> {
    process: Child,
    site: &'a Site,
    /// Where it listens: `127.0.0.1:41234`.
    pub(crate) address: String,
    /// How long it took from its start until it listened.
    pub(crate) took: Duration,
    /// What it printed before it listened.
    printed: String,
    _lines: Lines<BufReader<ChildStdout>>,
}

impl<'a> Server<'a> {
    pub(crate) async fn start(binary: &Path, arguments: &[&str], site: &'a Site) -> Result<Self, Failure> {
        let start = now();
        let mut process = Command::new(binary)
            .args(arguments)
            .current_dir(site.directory.path())
            .env_clear()
            .envs(site.settings())
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
                let (address, took) = (address.to_owned(), start.elapsed());
                return Ok(Self { process, site, address, took, printed, _lines: lines });
            }
            printed.push_str(&line);
            printed.push('\n');
        }
        Err(format!("{} ended before it listened:\n{printed}", binary.display()).into())
    }

    /// The key that a first start shows.
    pub(crate) fn test_key(&self) -> Result<&str, Failure> {
        let key = self.printed.split_whitespace().find(|word| word.starts_with("sk_test_"));
        Ok(key.ok_or("it showed no test key")?)
    }

    /// Ends it in good order.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        let id = self.process.id().ok_or("the server has ended")?.to_string();
        Command::new("kill").args(["-s", "TERM", &id]).status().await?;
        self.process.wait().await?;
        Ok(())
    }

    /// How long it, and what it keeps its data in, have had a processor so far. Processes that have ended meanwhile are
    /// missing: PostgreSQL's live as long as the connections, and those as long as the server.
    pub(crate) fn processor_time(&self) -> Result<Duration, Failure> {
        let id = self.process.id().ok_or("the server has ended")?;
        let mut ticks = 0_u32;
        for id in self.site.store.processes()?.into_iter().chain([id]) {
            let numbers = stat(id)?;
            ticks += numbers.iter().skip(11).take(2).map(|number| number.parse::<u32>()).sum::<Result<u32, _>>()?;
        }
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

/// What `/proc/…/stat` says behind the process's name, which may hold spaces and brackets.
fn stat(id: u32) -> Result<Vec<String>, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    let (_, numbers) = stat.rsplit_once(") ").ok_or("/proc/…/stat is not as proc(5) says")?;
    Ok(numbers.split(' ').map(str::to_owned).collect())
}

/// A process and those that it has started.
pub(crate) fn process_and_children(parent: u32) -> Result<Vec<u32>, Failure> {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
    let children = children.split_whitespace().map(str::parse);
    let all: Result<Vec<u32>, _> = [Ok(parent)].into_iter().chain(children).collect();
    Ok(all?)
}
