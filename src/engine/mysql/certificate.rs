//! The certificate that a server shows, looked at before the driver logs in, which lets nobody see it. Needed where it carries no name,
//! as those that MySQL makes for itself: its chain is to count, and the library below takes none without a name.

use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// CLIENT_PROTOCOL_41, CLIENT_SSL, CLIENT_SECURE_CONNECTION.
const CAPABILITIES: u32 = 0x200 | 0x800 | 0x8000;
/// utf8mb4_general_ci
const CHARSET: u8 = 45;
/// The greeting is shorter by far.
const LONGEST: usize = 4096;

/// Asks for TLS as a client does, and leaves when `config` has judged the certificate.
pub(super) async fn of(mut io: TcpStream, name: ServerName<'static>, config: Arc<ClientConfig>) -> Result<CertificateDer<'static>> {
    let odd = |what: &str| Error::new(ErrorKind::InvalidData, what.to_string());
    let mut head = [0; 4];
    io.read_exact(&mut head).await?;
    let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
    if length > LONGEST {
        return Err(odd("what answers there is no MySQL server"));
    }
    let mut greeting = vec![0; length];
    io.read_exact(&mut greeting).await?;
    // Version 10 of the protocol; everything else is a refusal, which the driver has words for.
    if greeting.first() != Some(&10) {
        return Err(odd("the server refuses connections"));
    }
    let mut request = vec![32, 0, 0, head[3].wrapping_add(1)];
    request.extend(CAPABILITIES.to_le_bytes());
    request.extend((1u32 << 24).to_le_bytes());
    request.push(CHARSET);
    request.extend([0; 23]);
    io.write_all(&request).await?;
    let mut io = tokio_rustls::TlsConnector::from(config).connect(name, io).await?;
    let shown = io.get_ref().1.peer_certificates().and_then(|c| c.first()).map(|c| c.clone().into_owned());
    // It is gone either way; a server that is told so writes less into its log.
    let _ = io.shutdown().await;
    shown.ok_or_else(|| odd("the server shows no certificate"))
}
