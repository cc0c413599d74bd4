//! Bytes to and from files and the native tools, a piece at a time.

use super::super::connect::Connector;
use super::tools::{Login, Tool};
use super::{PIECE, normal};
use crate::model::manifest::Artefact;
use crate::model::{Error, Kind, Progress, Result};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

/// Refuses a file that is not byte for byte what the manifest names.
pub(super) async fn check_hash(path: &Path, artefact: &Artefact, progress: &dyn Progress, cancel: &CancellationToken) -> Result<()> {
    let mut file = tokio::fs::File::open(path).await.map_err(|e| Error::io(format_args!("opening {}", path.display()), e))?;
    let mut hash = Sha256::new();
    let mut piece = vec![0u8; PIECE];
    let mut bytes = 0u64;
    loop {
        if cancel.is_cancelled() {
            return Err(Error::cancelled());
        }
        let n = file.read(&mut piece).await.map_err(|e| Error::io(format_args!("reading {}", path.display()), e))?;
        if n == 0 {
            break;
        }
        bytes += n as u64;
        hash.update(&piece[..n]);
        progress.update("checking the dump's hash", bytes, Some(artefact.bytes));
    }
    if bytes != artefact.bytes || hex::encode(hash.finalize()) != artefact.sha256 {
        return Err(Error::failed(format!("{} is not the file that was backed up: its hash differs", path.display()))
            .detail(format!("{bytes} bytes, recorded {}", artefact.bytes))
            .hint("The copy is damaged or was edited: take a new backup."));
    }
    Ok(())
}

/// Sends the dump through the native client into the scratch database; `from` is the file, its size and its database's name.
pub(super) async fn feed(
    connector: &Connector,
    client: &Tool,
    from: (&Path, u64, &str),
    into: &str,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<()> {
    let login = Login::new(connector).await?;
    let mut command = login.command(&client.path);
    // Binary mode: the data goes as it is, and the client obeys no command but DELIMITER.
    command.args(["--batch", "--binary-mode", "--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--skip-reconnect"]);
    command.arg(format!("--database={into}"));
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().map_err(|e| Error::io(format_args!("starting {}", client.path.display()), e))?;
    let (Some(mut stdin), Some(err)) = (child.stdin.take(), child.stderr.take()) else {
        return Err(Error::failed("the client could not be written to"));
    };
    let said = tokio::spawn(last_words(err));
    let file = tokio::fs::File::open(from.0).await.map_err(|e| Error::io(format_args!("opening {}", from.0.display()), e))?;
    let mut reader = tokio::io::BufReader::with_capacity(PIECE, file);
    let mut line = Vec::new();
    let mut done = 0u64;
    let mut broken = false;
    loop {
        if cancel.is_cancelled() {
            return Err(Error::cancelled());
        }
        line.clear();
        let n = tokio::io::AsyncBufReadExt::read_until(&mut reader, b'\n', &mut line)
            .await
            .map_err(|e| Error::io(format_args!("reading {}", from.0.display()), e))?;
        if n == 0 {
            break;
        }
        done += n as u64;
        let write = match std::str::from_utf8(&line) {
            // The switch for a newer client's sandbox is no SQL; binary mode takes its place.
            Ok(t) if t.starts_with("/*M!999999") => continue,
            Ok(t) if !t.starts_with('(') && !t.starts_with("INSERT ") => stdin.write_all(normal::alter(t, from.2, into).as_bytes()).await,
            _ => stdin.write_all(&line).await,
        };
        if write.is_err() {
            // The client ended; it says why.
            broken = true;
            break;
        }
        progress.update("restoring", done, Some(from.1));
    }
    let _ = stdin.shutdown().await;
    drop(stdin);
    let status = tokio::select! {
        s = child.wait() => s.map_err(|e| Error::io("waiting for the client", e))?,
        () = cancel.cancelled() => return Err(Error::cancelled()),
    };
    let said = tokio::time::timeout(Duration::from_secs(5), said).await.ok().and_then(Result::ok).unwrap_or_default();
    if !status.success() || broken {
        return Err(Error::new(Kind::Failed, format!("the restore failed ({status})")).detail(said));
    }
    Ok(())
}

/// The end of what a tool says on stderr; no more is kept.
pub(super) async fn last_words(mut err: tokio::process::ChildStderr) -> String {
    let mut kept: Vec<u8> = Vec::new();
    let mut piece = [0u8; 4096];
    while let Ok(n) = err.read(&mut piece).await {
        if n == 0 {
            break;
        }
        kept.extend_from_slice(&piece[..n]);
        if kept.len() > 16_384 {
            kept.drain(..kept.len() - 8_192);
        }
    }
    String::from_utf8_lossy(&kept).trim().to_string()
}
