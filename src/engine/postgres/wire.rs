//! Bytes to and from a PostgreSQL server: the stream, its buffers, and message frames cut out of them.

use bytes::{Buf, BytesMut};
use postgres_protocol::message::backend::Message;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// What a connection runs over: TCP, TLS over TCP, or a unix socket.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A stream with its buffers. Reading can be dropped at any await without losing bytes.
pub(super) struct Wire {
    io: Box<dyn Io>,
    input: BytesMut,
    /// Messages to send; [`Wire::flush`] sends them.
    pub out: BytesMut,
}

/// Length of a message's tag and length word.
const HEAD: usize = 5;
/// Bytes asked of the socket at once: large results need few system calls, and memory stays small.
const READ: usize = 64 * 1024;

impl Wire {
    pub fn new(io: Box<dyn Io>) -> Self {
        Wire { io, input: BytesMut::with_capacity(READ), out: BytesMut::new() }
    }

    pub async fn flush(&mut self) -> io::Result<()> {
        self.io.write_all(&self.out).await?;
        self.out.clear();
        // A large statement should not hold its memory for the rest of the session.
        if self.out.capacity() > 1 << 20 {
            self.out = BytesMut::new();
        }
        self.io.flush().await
    }

    /// Like [`Wire::flush`], while what the server sends meanwhile is read: one that is not heard stops listening at some point.
    pub async fn flush_reading(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            let moved: io::Result<()> = std::future::poll_fn(|cx| {
                if let Poll::Ready(sent) = Pin::new(&mut *self.io).poll_write(cx, &self.out) {
                    return Poll::Ready(match sent? {
                        0 => Err(io::ErrorKind::WriteZero.into()),
                        n => {
                            self.out.advance(n);
                            Ok(())
                        }
                    });
                }
                let mut bytes = [0; 8 * 1024];
                let mut read = ReadBuf::new(&mut bytes);
                std::task::ready!(Pin::new(&mut *self.io).poll_read(cx, &mut read))?;
                match read.filled() {
                    [] => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                    came => {
                        self.input.extend_from_slice(came);
                        Poll::Ready(Ok(()))
                    }
                }
            })
            .await;
            moved?;
        }
        self.flush().await
    }

    /// Waits for more bytes. The end of the stream is an error.
    pub async fn fill(&mut self) -> io::Result<()> {
        // A large row grows the buffer once; afterwards it shrinks back.
        let wanted = self.peek()?.map_or(READ, |(_, total)| total.saturating_sub(self.input.len()).max(READ));
        self.input.reserve(wanted.min(16 << 20));
        match self.io.read_buf(&mut self.input).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Tag and whole length of the next message, once its head is here.
    fn peek(&self) -> io::Result<Option<(u8, usize)>> {
        if self.input.len() < HEAD {
            return Ok(None);
        }
        let len = u32::from_be_bytes([self.input[1], self.input[2], self.input[3], self.input[4]]) as usize;
        // Rows may take 1 GiB; anything beyond 2 GiB is no PostgreSQL.
        if !(4..=i32::MAX as usize).contains(&len) || !self.input[0].is_ascii_alphanumeric() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "what answers there does not speak PostgreSQL's protocol"));
        }
        Ok(Some((self.input[0], len + 1)))
    }

    /// Tag of the next message when the whole of it is here.
    pub fn ready(&self) -> io::Result<Option<u8>> {
        Ok(self.peek()?.filter(|(_, total)| self.input.len() >= *total).map(|(tag, _)| tag))
    }

    /// Body of the message that [`Wire::ready`] announced.
    pub fn body(&self) -> &[u8] {
        match self.peek() {
            Ok(Some((_, total))) if self.input.len() >= total => &self.input[HEAD..total],
            _ => &[],
        }
    }

    /// Drops the message that [`Wire::ready`] announced.
    pub fn skip(&mut self) {
        if let Ok(Some((_, total))) = self.peek() {
            self.input.advance(total.min(self.input.len()));
        }
    }

    /// Takes the message that [`Wire::ready`] announced.
    pub fn take(&mut self) -> io::Result<Message> {
        Message::parse(&mut self.input)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// What a server says that has not even a process for the login: protocol 2's error, a text without a length.
    pub fn bare_error(&self) -> Option<String> {
        let text = self.input.strip_prefix(b"E").filter(|t| t.first().is_some_and(u8::is_ascii_graphic))?;
        Some(String::from_utf8_lossy(text.split(|b| *b == 0).next()?).trim().to_string())
    }

    /// Waits for the next whole message and takes it.
    pub async fn next(&mut self) -> io::Result<Message> {
        while self.ready()?.is_none() {
            self.fill().await?;
        }
        self.take()
    }
}
