use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What is wrong with one direction of every connection through a [`FaultProxy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Whatever is read in one go arrives so much later.
    Latency(Duration),
    /// Nothing arrives until the fault is over; then everything does.
    Stall,
    /// What is sent is lost, and nobody is told.
    Blackhole,
    /// Every connection is reset, at once and for as long as this lasts.
    Reset,
    /// So many bytes of each connection arrive from now on; then it is reset.
    CutAfter(usize),
}

/// A way through a [`FaultProxy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Answer,
}

#[derive(Debug, Clone, Copy)]
struct Faults {
    request: Fault,
    answer: Fault,
}

impl Faults {
    const NONE: Self = Self { request: Fault::None, answer: Fault::None };

    const fn of(self, direction: Direction) -> Fault {
        match direction {
            Direction::Request => self.request,
            Direction::Answer => self.answer,
        }
    }
}

/// A TCP proxy that breaks what goes through it, on a thread of its own.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    accepted: Arc<AtomicUsize>,
    /// Taken when it ends.
    faults: Option<watch::Sender<Faults>>,
    thread: Option<JoinHandle<()>>,
}

impl FaultProxy {
    /// Listens on a free port of `127.0.0.1` and passes everything on to another, unharmed for now.
    #[must_use]
    pub fn start(target_port: u16) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        listener.set_nonblocking(true).expect("a listener can be polled");
        let port = listener.local_addr().expect("it listens").port();
        let (faults, seen) = watch::channel(Faults::NONE);
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, target_port));
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(serve(listener, target, seen, &count));
        });
        Self { port, accepted, faults: Some(faults), thread: Some(thread) }
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many connections it has accepted since it was started.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// From now on this is wrong with one direction, on open connections as on new ones.
    pub fn set(&self, direction: Direction, fault: Fault) {
        self.change(|faults| match direction {
            Direction::Request => faults.request = fault,
            Direction::Answer => faults.answer = fault,
        });
    }

    /// From now on this is wrong with both directions.
    pub fn set_both(&self, fault: Fault) {
        self.change(|faults| *faults = Faults { request: fault, answer: fault });
    }

    /// From now on nothing is wrong.
    pub fn heal(&self) {
        self.set_both(Fault::None);
    }

    fn change(&self, change: impl FnOnce(&mut Faults)) {
        self.faults.as_ref().expect("it runs").send_modify(change);
    }
}

impl Drop for FaultProxy {
    /// Closes every connection.
    fn drop(&mut self) {
        drop(self.faults.take());
        let ended = self.thread.take().expect("it runs").join();
        assert!(ended.is_ok() || thread::panicking(), "the proxy panicked");
    }
}

async fn serve(
    listener: std::net::TcpListener,
    target: SocketAddr,
    mut faults: watch::Receiver<Faults>,
    accepted: &AtomicUsize,
) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    let for_connections = faults.clone();
    let accept = async {
        loop {
            let (client, _) = listener.accept().await.expect("a connection");
            accepted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(connect(client, target, for_connections.clone()));
        }
    };
    let ended = async { while faults.changed().await.is_ok() {} };
    tokio::select! {
        () = accept => {}
        () = ended => {}
    }
}

async fn connect(mut client: TcpStream, target: SocketAddr, faults: watch::Receiver<Faults>) {
    let Ok(mut server) = TcpStream::connect(target).await else {
        reset(client);
        return;
    };
    let nodelay = [client.set_nodelay(true), server.set_nodelay(true)];
    let passed = {
        let (client_reads, client_writes) = client.split();
        let (server_reads, server_writes) = server.split();
        let request = Pump::new(Direction::Request, faults.clone());
        let answer = Pump::new(Direction::Answer, faults);
        tokio::try_join!(request.run(client_reads, server_writes), answer.run(server_reads, client_writes))
    };
    if passed.is_err() || nodelay.iter().any(Result::is_err) {
        reset(client);
        reset(server);
    }
}

/// Closes a connection as a machine does that has forgotten it.
fn reset(stream: TcpStream) {
    // One that is closed already has nothing left to reset.
    let _already_closed = stream.set_zero_linger();
    drop(stream);
}

/// One direction of one connection.
struct Pump {
    direction: Direction,
    faults: watch::Receiver<Faults>,
    /// What is left of a [`Fault::CutAfter`].
    left: usize,
}

impl Pump {
    fn new(direction: Direction, faults: watch::Receiver<Faults>) -> Self {
        Self { direction, faults, left: 0 }
    }

    /// Passes bytes on until one side closes, or fails when the connection is to be reset.
    async fn run(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        self.faults.mark_changed();
        loop {
            tokio::select! {
                biased;
                changed = self.faults.changed() => {
                    changed.map_err(io::Error::other)?;
                    self.begin()?;
                }
                length = from.read(&mut buffer) => match length? {
                    0 => return to.shutdown().await,
                    length => self.pass(&buffer[..length], &mut to).await?,
                },
            }
        }
    }

    /// What is wrong now, and from now on.
    fn begin(&mut self) -> io::Result<Fault> {
        let fault = self.faults.borrow_and_update().of(self.direction);
        match fault {
            Fault::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
            Fault::CutAfter(bytes) => self.left = bytes,
            Fault::None | Fault::Latency(_) | Fault::Stall | Fault::Blackhole => {}
        }
        Ok(fault)
    }

    async fn pass(&mut self, bytes: &[u8], to: &mut WriteHalf<'_>) -> io::Result<()> {
        let mut fault = self.faults.borrow().of(self.direction);
        while fault == Fault::Stall {
            self.faults.changed().await.map_err(io::Error::other)?;
            fault = self.begin()?;
        }
        match fault {
            Fault::None | Fault::Stall => to.write_all(bytes).await,
            Fault::Latency(span) => {
                tokio::time::sleep(span).await;
                to.write_all(bytes).await
            }
            Fault::Blackhole => Ok(()),
            Fault::Reset => Err(io::ErrorKind::ConnectionReset.into()),
            Fault::CutAfter(_) => {
                let passing = bytes.len().min(self.left);
                to.write_all(&bytes[..passing]).await?;
                self.left -= passing;
                if passing < bytes.len() || self.left == 0 {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                Ok(())
            }
        }
    }
}
