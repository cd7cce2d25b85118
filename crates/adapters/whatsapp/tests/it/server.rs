//! A server that says exactly what a test tells it to.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What the server does with a connection.
pub(crate) enum Act {
    /// Reads a request and answers with these bytes.
    Say(Vec<u8>),
    /// Reads a request and closes.
    ReadAndClose,
    /// Reads a request and says nothing.
    Hang,
}

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// `POST /path`.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap().strip_suffix(" HTTP/1.1").unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    requests: mpsc::UnboundedReceiver<Request>,
}

impl Server {
    /// Does one act after the other, each on a connection of its own.
    pub(crate) async fn new(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            // Kept, so that a connection that hangs stays open.
            let mut open = Vec::new();
            for act in acts {
                let (mut connection, _) = listener.accept().await.unwrap();
                if let Some(request) = request(&mut connection).await {
                    let _ = sender.send(request);
                }
                match act {
                    Act::Say(bytes) => {
                        // The client may have heard enough before the end.
                        let _ = connection.write_all(&bytes).await;
                        let _ = connection.shutdown().await;
                    }
                    Act::ReadAndClose => drop(connection),
                    Act::Hang => open.push(connection),
                }
            }
            std::future::pending::<()>().await;
        });
        Self { url, requests }
    }

    /// Answers each request with one of these.
    pub(crate) async fn answering(answers: &[(u16, &str)]) -> Self {
        let acts = answers.iter().map(|(status, body)| Act::Say(response(*status, "", body))).collect();
        Self::new(acts).await
    }

    /// The next request that came; `None` when there was none so far.
    pub(crate) fn request(&mut self) -> Option<Request> {
        self.requests.try_recv().ok()
    }
}

pub(crate) fn response(status: u16, header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{header}\r\n{body}").into_bytes()
}

async fn request(connection: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let body = bytes.split_off(end + 4);
            let mut request = Request { head, body };
            let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
            while request.body.len() < length {
                if connection.read_buf(&mut request.body).await.unwrap() == 0 {
                    return None;
                }
            }
            return Some(request);
        }
        if connection.read_buf(&mut bytes).await.unwrap() == 0 {
            return None;
        }
    }
}
