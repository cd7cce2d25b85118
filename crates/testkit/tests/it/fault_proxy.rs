//! The proxy that breaks connections.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use whatotp_testkit::{Direction, Fault, FaultProxy};

/// Longer than anything takes that is going to happen.
const NEVER: Duration = Duration::from_millis(150);

/// A proxy before a server that sends everything back.
async fn echo() -> FaultProxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reads, mut writes) = stream.split();
                tokio::io::copy(&mut reads, &mut writes).await
            });
        }
    });
    FaultProxy::start(port)
}

async fn connect(proxy: &FaultProxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap()
}

async fn exchange(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(bytes).await?;
    let mut answer = vec![0; bytes.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_healthy_proxy_changes_nothing() {
    let proxy = echo().await;
    let (mut one, mut other) = (connect(&proxy).await, connect(&proxy).await);
    let much: Vec<u8> = (0..1_000_000).map(|n: u32| n.to_le_bytes()[1]).collect();
    let (reads, mut writes) = one.split();
    let mut reads = reads.take(1_000_000);
    let mut answer = Vec::new();
    let (sent, read) = tokio::join!(writes.write_all(&much), reads.read_to_end(&mut answer));
    assert!(sent.is_ok() && read.is_ok() && answer == much);
    assert_eq!(exchange(&mut other, b"hello").await.unwrap(), b"hello");
    other.shutdown().await.unwrap();
    assert_eq!(other.read(&mut [0]).await.unwrap(), 0, "the end is passed on, too");
    assert_eq!(proxy.connections(), 2);
}

#[tokio::test]
async fn latency_is_one_way() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    let span = Duration::from_millis(60);
    for direction in [Direction::Request, Direction::Answer] {
        proxy.set(direction, Fault::Latency(span));
        let begun = Instant::now();
        exchange(&mut stream, b"slow").await.unwrap();
        assert!(begun.elapsed() >= span && begun.elapsed() < 20 * span);
        proxy.heal();
    }
}

#[tokio::test]
async fn what_was_stalled_arrives_and_what_fell_into_a_black_hole_does_not() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    for (fault, arrives) in [(Fault::Stall, "onetwo"), (Fault::Blackhole, "two")] {
        proxy.set(Direction::Answer, fault);
        assert!(timeout(NEVER, exchange(&mut stream, b"one")).await.is_err());
        proxy.heal();
        stream.write_all(b"two").await.unwrap();
        let mut answer = vec![0; arrives.len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, arrives.as_bytes());
    }
}

#[tokio::test]
async fn a_reset_hits_open_and_new_connections_until_it_is_healed() {
    let proxy = echo().await;
    let mut open = connect(&proxy).await;
    exchange(&mut open, b"hello").await.unwrap();
    proxy.set_both(Fault::Reset);
    assert_eq!(open.read(&mut [0]).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert!(exchange(&mut connect(&proxy).await, b"hello").await.is_err());
    proxy.heal();
    assert!(exchange(&mut connect(&proxy).await, b"hello").await.is_ok());
}

#[tokio::test]
async fn a_connection_is_cut_after_so_many_bytes() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    exchange(&mut stream, b"these do not count").await.unwrap();
    proxy.set(Direction::Answer, Fault::CutAfter(7));
    assert_eq!(exchange(&mut stream, b"four").await.unwrap(), b"four");
    stream.write_all(b"five!").await.unwrap();
    let mut rest = Vec::new();
    let end = stream.read_to_end(&mut rest).await;
    assert!(end.is_err(), "{end:?}");
    assert!(rest.len() <= 3, "{rest:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let proxy = FaultProxy::start(port);
    assert!(exchange(&mut connect(&proxy).await, b"hello").await.is_err());
}
