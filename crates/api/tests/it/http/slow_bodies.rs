//! Bodies that do not end, seen from the socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::support::{MAGIC, TestApp};

/// The head of a send, with more header lines, each ended.
fn head(app: &TestApp, more: &str) -> Vec<u8> {
    let (address, key) = (app.api.address(), app.api.key());
    let head = format!(
        "POST /v1/otp/send HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\n{more}\r\n"
    );
    head.into_bytes()
}

/// Sends these bytes and nothing more, and reads until the server closes the connection.
fn exchange(app: &TestApp, bytes: Vec<u8>) -> impl Future<Output = String> + use<> {
    let address = app.api.address().to_owned();
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        // Long after every deadline of the server: a connection that it keeps fails the test instead of hanging.
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(&bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    };
    async { spawn_blocking(exchange).await.unwrap() }
}

/// The status, the headers in lower case, and the problem's code.
fn read(answer: &str) -> (&str, String, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let (status, headers) = head.split_once("\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    (status, headers.to_lowercase(), body["code"].as_str().unwrap().to_owned())
}

const SHORT: &[(&str, &str)] = &[("WHATOTP_SERVER__BODY_TIMEOUT_SECONDS", "1")];

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_408_and_the_connection_is_closed() {
    let app = TestApp::with(SHORT).await;
    let exchanges = [
        ("Content-Length: 100\r\n", "{\"to\":"),
        ("Content-Length: 100\r\n", ""),
        ("Transfer-Encoding: chunked\r\n", "5\r\n{\"to\"\r\n"),
    ]
    .map(|(framing, sent)| exchange(&app, [head(&app, framing), sent.into()].concat()));
    for answer in join_all(exchanges).await {
        let (status, headers, code) = read(&answer);
        assert_eq!((status, code.as_str()), ("HTTP/1.1 408 Request Timeout", "request_timeout"));
        assert!(headers.contains("connection: close") && headers.contains("x-request-id: req_"), "{headers}");
        assert!(headers.contains("content-type: application/problem+json"), "{headers}");
    }
    assert!(app.outbox(whatotp_domain::Mode::Test).await.is_empty());
}

#[tokio::test]
async fn a_declared_length_beyond_the_limit_is_refused_before_the_body_comes() {
    let app = TestApp::start().await;
    let answer = exchange(&app, head(&app, "Content-Length: 65537\r\n")).await;
    let (status, _, code) = read(&answer);
    assert_eq!((status, code.as_str()), ("HTTP/1.1 413 Payload Too Large", "body_too_large"));
}

#[tokio::test]
async fn a_chunked_body_is_cut_off_at_the_limit() {
    let app = TestApp::start().await;
    let mut bytes = head(&app, "Transfer-Encoding: chunked\r\n");
    for _ in 0..5 {
        bytes.extend_from_slice(b"4000\r\n");
        bytes.extend_from_slice(&[b' '; 0x4000]);
        bytes.extend_from_slice(b"\r\n");
    }
    // It has not ended, and need not.
    let answer = exchange(&app, bytes).await;
    let (status, _, code) = read(&answer);
    assert_eq!((status, code.as_str()), ("HTTP/1.1 413 Payload Too Large", "body_too_large"));
}

#[tokio::test]
async fn nobody_keeps_a_connection_with_a_body_that_is_not_wanted() {
    let app = TestApp::start().await;
    let mut exchanges = Vec::new();
    for (request, status) in [
        ("POST /v1/otp/send", "HTTP/1.1 401 Unauthorized"),
        ("POST /nothing", "HTTP/1.1 404 Not Found"),
        ("POST /livez", "HTTP/1.1 405 Method Not Allowed"),
        ("GET /livez", "HTTP/1.1 200 OK"),
    ] {
        for framing in ["Transfer-Encoding: chunked", "Content-Length: 100"] {
            let sent = format!("{request} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n5\r\n12345\r\n");
            let exchange = exchange(&app, sent.clone().into_bytes());
            exchanges.push(async move { (sent, status, exchange.await) });
        }
    }
    for (sent, status, answer) in join_all(exchanges).await {
        assert!(answer.starts_with(status), "{sent}{answer}");
        assert!(answer.to_lowercase().contains("\r\nconnection: close\r\n"), "{sent}{answer}");
    }
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_chunked_body_that_was_read() {
    let app = TestApp::start().await;
    let body = format!("{{\"to\":\"{MAGIC}\",\"channel\":\"whatsapp\"}}");
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let mut bytes = head(&app, "Transfer-Encoding: chunked\r\n");
    bytes.extend_from_slice(chunked.as_bytes());
    bytes.extend_from_slice(&head(&app, "Transfer-Encoding: chunked\r\nConnection: close\r\n"));
    bytes.extend_from_slice(chunked.as_bytes());
    let answer = exchange(&app, bytes).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{answer}");
}

#[tokio::test]
async fn a_chunked_body_of_good_size_is_read() {
    let app = TestApp::start().await;
    let mut bytes = head(&app, "Transfer-Encoding: chunked\r\nConnection: close\r\n");
    let body = format!("{{\"to\":\"{MAGIC}\",\"channel\":\"whatsapp\"}}");
    for part in body.as_bytes().chunks(7) {
        bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    let answer = exchange(&app, bytes).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}
