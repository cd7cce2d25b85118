use std::io;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One TCP connection that speaks HTTP/1.1 and sends exactly the bytes it is given. It is never opened anew in silence,
/// so a server that hangs up is noticed.
pub(super) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer, byte by byte.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: u16,
    /// The head as it came, in small letters.
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {} {}", self.head, String::from_utf8_lossy(&self.body)))
    }
}

impl Connection {
    /// Connects to `http://ADDRESS`.
    pub(super) async fn open(base_url: &str) -> io::Result<Self> {
        let address = base_url.strip_prefix("http://").expect("plain HTTP");
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new() })
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next answer. One whose length is not announced cannot be read.
    pub(super) async fn reply(&mut self) -> io::Result<Reply> {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more().await?;
        };
        let head = String::from_utf8_lossy(&self.read[..end]).to_ascii_lowercase();
        self.read.drain(..end);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {head}"));
        let mut reply = Reply { status, head, body: Vec::new() };
        let length = match reply.header("content-length") {
            Some(length) => length.parse().expect("a length"),
            None if status == 100 => 0,
            None => panic!("no length: {}", reply.head),
        };
        while self.read.len() < length {
            self.read_more().await?;
        }
        reply.body = self.read.drain(..length).collect();
        Ok(reply)
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// A request as bytes; `headers` are whole lines.
pub(super) fn request(method: &str, target: &str, headers: &str, body: Option<&[u8]>) -> Vec<u8> {
    let mut request = format!("{method} {target} HTTP/1.1\r\nhost: test\r\n{headers}").into_bytes();
    if let Some(body) = body {
        request.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
        request.extend_from_slice(body);
    } else {
        request.extend_from_slice(b"\r\n");
    }
    request
}
