//! HTTP/1.1 by hand, for clients that do what no library does: stop in the middle, send
//! byte by byte, hold thousands of connections.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longer than any time limit of the server.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A connection that answers are read from in order.
#[derive(Debug)]
pub struct Raw<S> {
    stream: BufReader<S>,
}

/// An answer.
#[derive(Debug)]
pub struct RawReply {
    pub status: u16,
    /// Names in lower case, without the status line.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Raw<TcpStream> {
    /// # Errors
    /// When there is no connection to be had.
    pub fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream))
    }

    /// Another hand on the same connection, to send with.
    #[must_use]
    pub fn sender(&self) -> TcpStream {
        self.stream.get_ref().try_clone().expect("the socket again")
    }
}

impl<S: Read + Write> Raw<S> {
    #[must_use]
    pub fn new(stream: S) -> Self {
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the other side has closed.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.stream.get_mut().flush()
    }

    /// Sends a whole request.
    ///
    /// # Errors
    /// When the other side has closed.
    pub fn send_request(&mut self, method: &str, target: &str, body: &str) -> io::Result<()> {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(request.as_bytes())
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// When the other side has closed.
    pub fn ask(&mut self, method: &str, target: &str, body: &str) -> io::Result<RawReply> {
        self.send_request(method, target, body)?;
        self.reply()
    }

    /// The next answer.
    ///
    /// # Errors
    /// When none comes.
    pub fn reply(&mut self) -> io::Result<RawReply> {
        let status = self.line()?;
        let status = status
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| io::Error::other(format!("no status: {status:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_string()));
        }
        let length = headers
            .iter()
            .find(|(name, _)| name == "content-length")
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(0);
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(RawReply {
            status,
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// Reads to the end of the connection.
    ///
    /// # Errors
    /// When there is none within the time limit.
    pub fn rest(&mut self) -> io::Result<String> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_string())
    }
}

impl RawReply {
    /// A header, empty when it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(own, _)| own == name)
            .map_or("", |(_, value)| value)
    }
}
