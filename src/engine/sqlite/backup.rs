//! Backups by `VACUUM INTO`.

use super::Sqlite;
use crate::engine::{Backups, Scratch};
use crate::model::manifest::{Differences, Manifest};
use crate::model::{Error, Finding, Identity, Progress, Result};
use futures_util::future::BoxFuture;
use std::path::Path;
use tokio_util::sync::CancellationToken;

fn not_yet<T>() -> Result<T> {
    Err(Error::failed("backups of SQLite are not there yet"))
}

impl Backups for Sqlite {
    fn preflight<'a>(&'a self, _identity: &'a Identity) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async { vec![] })
    }
    fn take<'a>(
        &'a self,
        _dir: &'a Path,
        _by: &'a str,
        _progress: &'a dyn Progress,
        _cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Manifest>> {
        Box::pin(async { not_yet() })
    }
    fn restore<'a>(
        &'a self,
        _dir: &'a Path,
        _manifest: &'a Manifest,
        _forbidden_server: Option<&'a str>,
        _progress: &'a dyn Progress,
        _cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Scratch>> {
        Box::pin(async { not_yet() })
    }
    fn compare<'a>(
        &'a self,
        _dir: &'a Path,
        _manifest: &'a Manifest,
        _scratch: &'a Scratch,
        _progress: &'a dyn Progress,
        _cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Differences>> {
        Box::pin(async { not_yet() })
    }
    fn discard<'a>(&'a self, _scratch: Scratch) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { not_yet() })
    }
}
