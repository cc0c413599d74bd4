//! Backups by `mariadb-dump` (or `mysqldump`), restored through the native client into a database of its own, and proven by
//! dumping that one again with the same options.
//!
//! A hash of each table's content cannot be taken inside the dump's own snapshot, which belongs to the tool's connection:
//! so the manifest's tables stay empty, and the digests of the dump itself (whole, and for each part) take their place.

use super::MySql;
use super::catalog::canonical::EVENT_STATUS;
use super::catalog::{MARKER, at, lit, q};
use crate::config::{AccessMode, SecretSource, Target, secrets};
use crate::engine::{Access, Backups, Catalog, Connect, Engine, Role, Scratch, Session, fingerprint};
use crate::model::evidence::Grade;
use crate::model::manifest::{Artefact, Differences, Fingerprint, Manifest};
use crate::model::{CanonicalObject, Error, Finding, Identity, Progress, Result};
use futures_util::future::BoxFuture;
use normal::{Digests, Normal, Section};
use pipes::{check_hash, feed, last_words};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use tools::{Login, Tool};

mod normal;
mod pipes;
mod preflight;
mod references;
mod tools;

/// The dump's name in a backup directory.
const DUMP: &str = "dump.sql";
/// How the names of our scratch databases start.
const SCRATCH: &str = "holdpoint_scratch_";
/// Bytes read from or written to a tool at a time.
const PIECE: usize = 256 * 1024;

/// What the dump is taken with; restore and comparison use the same.
fn options(tool: &Tool) -> Vec<String> {
    let mut out: Vec<String> = [
        "--single-transaction",
        "--quick",
        "--routines",
        "--triggers",
        "--events",
        "--hex-blob",
        "--skip-dump-date",
        "--default-character-set=utf8mb4",
        // The same order of rows in every dump of the same rows.
        "--order-by-primary",
        "--no-tablespaces",
        "--max-allowed-packet=1G",
    ]
    .map(String::from)
    .into();
    if !tool.is_mariadb() {
        out.extend(["--set-gtid-purged=OFF".into(), "--column-statistics=0".into()]);
    }
    out
}

fn database_of(target: &Target) -> Result<&str> {
    target.database.as_deref().filter(|d| !d.is_empty()).ok_or_else(|| {
        Error::usage(format!("target {} names no database", target.name)).hint("Set `database`: a backup is of one database.")
    })
}

/// What the dump does not hold, and a dump of its restore cannot miss: both are written alike.
async fn lacks(s: &Session, database: &str) -> Result<Option<String>> {
    let d = lit(database);
    let versioned =
        format!("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {d} AND TABLE_TYPE = 'SYSTEM VERSIONED' ORDER BY 1");
    let rounded = format!(
        "SELECT CONCAT(c.TABLE_NAME, '.', c.COLUMN_NAME) FROM information_schema.COLUMNS c JOIN information_schema.TABLES t USING (TABLE_SCHEMA, TABLE_NAME) \
         WHERE c.TABLE_SCHEMA = {d} AND c.DATA_TYPE = 'float' AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY 1"
    );
    let mut out = Vec::new();
    let found = s.fetch(versioned).await?;
    if !found.rows.is_empty() {
        out.push(format!("it lacks the history of system-versioned tables ({})", named(&found)));
    }
    let found = s.fetch(rounded).await?;
    if !found.rows.is_empty() {
        out.push(format!("FLOAT columns stand in it with six digits ({})", named(&found)));
    }
    Ok((!out.is_empty()).then(|| out.join("; ")))
}

/// What a copy made from the dump has otherwise, so that a change of it shows in nothing there.
async fn copy_lacks(s: &Session, database: &str) -> Result<Option<String>> {
    let events = format!(
        "SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {} AND STATUS <> 'DISABLED' ORDER BY 1",
        lit(database)
    );
    let found = s.fetch(events).await?;
    Ok((!found.rows.is_empty())
        .then(|| format!("events are off in the copy, where they would run: that one is switched off is not seen ({})", named(&found))))
}

fn named(t: &crate::model::rows::Table) -> String {
    let names: Vec<&str> = t.rows.iter().take(5).map(|r| at(r, 0)).collect();
    let more = if t.rows.len() > 5 { format!(" and {} more", t.rows.len() - 5) } else { String::new() };
    crate::text::clean(&format!("{}{more}", names.join(", "))).into_owned()
}

fn missing(what: &str) -> Error {
    Error::failed(format!("no `{what}` was found in PATH")).hint("Install the server's client programs (Debian: mariadb-client).")
}

/// Settings of which a copy must have the same, or the proof is about something else.
async fn settings(s: &Session) -> Result<BTreeMap<String, String>> {
    let t = s.fetch("SELECT @@session.sql_mode, @@global.lower_case_table_names").await?;
    let row = t.rows.first().map(Vec::as_slice).unwrap_or_default();
    Ok([("sql_mode", at(row, 0)), ("lower_case_table_names", at(row, 1))].map(|(k, v)| (k.to_string(), v.to_string())).into())
}

impl MySql {
    async fn migration_session(&self, access: Access) -> Result<Session> {
        self.connect(Connect::new(Role::Migration, access)).await
    }

    /// Runs the dump, and gives its bytes to `sink` piece by piece.
    async fn dump(
        &self,
        tool: &Tool,
        database: &str,
        mut sink: Option<&mut (tokio::fs::File, Sha256)>,
        progress: (&dyn Progress, &str),
        cancel: &CancellationToken,
    ) -> Result<(Digests, u64)> {
        let login = Login::new(&self.connector).await?;
        let mut command = login.command(&tool.path);
        command.args(options(tool)).arg(format!("--ignore-table={database}.{MARKER}")).arg("--").arg(database);
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().map_err(|e| Error::io(format_args!("starting {}", tool.path.display()), e))?;
        let (Some(mut out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Error::failed("the dump's output could not be read"));
        };
        let said = tokio::spawn(last_words(err));
        let mut normal = Normal::new(database);
        let mut piece = vec![0u8; PIECE];
        let mut bytes = 0u64;
        loop {
            let n = tokio::select! {
                n = out.read(&mut piece) => n.map_err(|e| Error::io("reading the dump", e))?,
                // Leaving drops the child, which ends it.
                () = cancel.cancelled() => return Err(Error::cancelled()),
            };
            if n == 0 {
                break;
            }
            bytes += n as u64;
            normal.eat(&piece[..n]);
            if let Some((file, hash)) = sink.as_deref_mut() {
                hash.update(&piece[..n]);
                file.write_all(&piece[..n]).await.map_err(|e| Error::io("writing the dump", e))?;
            }
            progress.0.update(progress.1, bytes, None);
        }
        let status = child.wait().await.map_err(|e| Error::io("waiting for the dump", e))?;
        let said = said.await.unwrap_or_default();
        let name = tool.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !status.success() {
            return Err(Error::failed(format!("{name} of {database} failed ({status})")).detail(said));
        }
        let digests = normal.finish();
        if !digests.complete {
            return Err(Error::failed(format!("{name} of {database} ended without saying that it is complete")).detail(said));
        }
        Ok((digests, bytes))
    }

    async fn take_backup(&self, dir: &Path, by: &str, progress: &dyn Progress, cancel: &CancellationToken) -> Result<Manifest> {
        let start = Instant::now();
        let database = database_of(self.target())?.to_string();
        let s = self.migration_session(Access::ReadOnly).await?;
        let identity = s.identity().clone();
        let tool = tools::dumper(identity.product == "MariaDB").await.ok_or_else(|| missing("mariadb-dump"))?;
        progress.update("reading the catalogue", 0, None);
        let objects = self.objects(&s).await?;
        let mut facts = settings(&s).await?;
        let path = dir.join(DUMP);
        let file = tokio::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .await
            .map_err(|e| Error::io(format_args!("creating {}", path.display()), e))?;
        let mut sink = (file, Sha256::new());
        let work = async {
            let (digests, bytes) = self.dump(&tool, &database, Some(&mut sink), (progress, "dumping"), cancel).await?;
            sink.0.sync_all().await.map_err(|e| Error::io(format_args!("writing {}", path.display()), e))?;
            // The catalogue is read beside the dump's snapshot: it must not have moved while the dump was taken.
            if self.objects(&s).await? != objects {
                return Err(
                    Error::failed("the schema was changed while the dump was taken").hint("Take the backup again when no DDL runs.")
                );
            }
            Ok((digests, bytes))
        };
        let (digests, bytes) = match work.await {
            Ok(done) => done,
            Err(e) => {
                let _ = tokio::fs::remove_file(&path).await;
                return Err(e);
            }
        };
        references::note(&s, &database, &mut facts).await?;
        if let Some(lacks) = lacks(&s, &database).await? {
            facts.insert(crate::model::manifest::LACKS.into(), lacks);
        }
        if let Some(lacks) = copy_lacks(&s, &database).await? {
            facts.insert(crate::model::manifest::COPY_LACKS.into(), lacks);
        }
        s.close().await;
        facts.insert("dump_digest".into(), digests.whole);
        facts.insert("sections".into(), sections_text(&digests.sections));
        facts.insert("options".into(), options(&tool).join(" "));
        let sha256 = hex::encode(std::mem::take(&mut sink.1).finalize());
        let mut id = Sha256::new();
        id.update(sha256.as_bytes());
        Ok(Manifest {
            format: crate::model::manifest::FORMAT,
            id: hex::encode(id.finalize()),
            target: self.target().name.clone(),
            identity,
            taken_at: jiff::Timestamp::now().to_string(),
            taken_by: by.to_string(),
            tool: tool.version,
            artefacts: vec![Artefact { path: DUMP.into(), bytes, sha256 }],
            fingerprint: Fingerprint { objects, ..Fingerprint::default() },
            took_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            facts,
        })
    }

    async fn restore_backup(
        &self,
        dir: &Path,
        manifest: &Manifest,
        forbidden: Option<&str>,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Scratch> {
        let place = self.target().scratch_target.as_deref().ok_or_else(|| {
            Error::usage(format!("target {} names no scratch place", self.target().name))
                .hint("Set `scratch` to a target on a server where databases may be made; never a production server.")
        })?;
        let [artefact] = manifest.artefacts.as_slice() else {
            return Err(Error::failed(format!(
                "the backup in {} has {} files; this engine makes one",
                dir.display(),
                manifest.artefacts.len()
            )));
        };
        if artefact.path != DUMP || !matches!(manifest.identity.product.as_str(), "MariaDB" | "MySQL") {
            return Err(Error::failed(format!(
                "the backup in {} is of {}, not of MariaDB or MySQL",
                dir.display(),
                manifest.identity.product
            )));
        }
        if let Some(others) = manifest.facts.get("references").filter(|o| !o.is_empty()) {
            return Err(Error::failed(format!("the backup cannot be proven in a database of another name: {others}"))
                .hint("What names a database would reach that database, not the copy: take the name out of these objects."));
        }
        let path = dir.join(DUMP);
        progress.update("checking the dump's hash", 0, Some(artefact.bytes));
        check_hash(&path, artefact, progress, cancel).await?;

        let mut target = place.clone();
        target.database = None;
        let password = secrets::resolve(&target, None).await?;
        let server = MySql::new(target.clone(), password.clone());
        let s = server.migration_session(Access::ReadWrite).await.map_err(|e| e.context("connecting to the scratch server"))?;
        let now = s.identity().clone();
        if forbidden.is_some_and(|f| f == now.server_id) {
            return Err(Error::held(format!("the scratch place {} is on the same server as a production target", place.name))
                .hint("Name a scratch target on another server: a restore takes its space, memory and locks."));
        }
        same_kind(manifest, &now, &settings(&s).await?)?;
        let client = tools::client(now.product == "MariaDB").await.ok_or_else(|| missing("mariadb"))?;

        let name = format!("{SCRATCH}{:016x}", random());
        let collation = manifest
            .fingerprint
            .objects
            .iter()
            .find(|o| o.kind == "setting" && o.name == "default collation")
            .map(|o| format!(" COLLATE {}", o.definition))
            .filter(|c| c.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ' '))
            .unwrap_or_default();
        // Without IF NOT EXISTS: a database that is there already is not ours.
        s.fetch(format!("CREATE DATABASE {}{collation}", q(&name))).await.map_err(|e| e.context("making the scratch database"))?;
        let filled = async {
            s.fetch(format!("CREATE TABLE {}.{} (backup CHAR(64) NOT NULL)", q(&name), q(MARKER))).await?;
            s.fetch(format!("INSERT INTO {}.{} VALUES ({})", q(&name), q(MARKER), lit(&manifest.id))).await?;
            let from = (path.as_path(), artefact.bytes, manifest.identity.database.as_str());
            feed(&server.connector, &client, from, &name, progress, cancel).await
        };
        if let Err(e) = filled.await {
            // Made by us a moment ago, under a random name.
            let dropped = s.fetch(format!("DROP DATABASE {}", q(&name))).await;
            return Err(match dropped {
                Ok(_) => e,
                Err(_) => e.hint(format!("The scratch database {name} could not be dropped; drop it by hand.")),
            });
        }
        s.close().await;
        target.database = Some(name);
        target.access = AccessMode::Open;
        target.environment = None;
        target.scratch = None;
        target.scratch_target = None;
        Ok(Scratch { target, grade: Grade::Full })
    }

    async fn compare_restored(
        &self,
        manifest: &Manifest,
        scratch: &Scratch,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Differences> {
        let name = database_of(&scratch.target)?.to_string();
        let copy = MySql::new(scratch.target.clone(), secrets::resolve(&scratch.target, None).await?);
        let s = copy.migration_session(Access::ReadWrite).await?;
        progress.update("comparing the catalogue", 0, None);
        let is = Fingerprint { objects: events_off(copy.objects(&s).await?), ..Fingerprint::default() };
        let was = Fingerprint { objects: events_off(manifest.fingerprint.objects.clone()), ..Fingerprint::default() };
        let mut out = fingerprint::compare(&was, &is);
        let tool = tools::dumper(s.identity().product == "MariaDB").await.ok_or_else(|| missing("mariadb-dump"))?;
        s.close().await;
        if options(&tool).join(" ") != manifest.facts.get("options").map_or("", String::as_str) {
            return Err(Error::failed("the dump was taken by another kind of tool than is here now")
                .hint("Compare with the tool that took it: their output differs."));
        }
        let (digests, _) = copy.dump(&tool, &name, None, (progress, "dumping the copy"), cancel).await?;
        let recorded = manifest.facts.get("dump_digest").map_or("", String::as_str);
        if recorded.is_empty() {
            return Err(Error::failed("the manifest holds no digest of the dump: there is nothing to compare with"));
        }
        if digests.whole != recorded {
            differences(&sections_of(manifest), &digests.sections, &mut out);
            if out.is_empty() {
                out.data.push("the dump of the copy differs from the backup's in its order or its settings".into());
            }
        }
        Ok(out)
    }

    /// A user of this moment, with all rights on the copy and none elsewhere.
    async fn confined(&self, scratch: &Scratch, of: &Identity) -> Result<Option<Target>> {
        let name = database_of(&scratch.target)?.to_string();
        let mut server = scratch.target.clone();
        server.database = None;
        let s = MySql::new(server.clone(), secrets::resolve(&server, None).await?).migration_session(Access::ReadWrite).await?;
        let password = match make_private(&s, &name).await {
            Ok(p) => p,
            Err(_) if s.identity().server_id != of.server_id => return Ok(None),
            Err(e) => return Err(no_user(&server.name, &e)),
        };
        s.close().await;
        let mut target = scratch.target.clone();
        // Another name: no password that was typed for the scratch target fits.
        target.name = format!("{} (proof)", target.name);
        target.user = Some(private_user(&name));
        target.password = SecretSource::Given(password.into());
        Ok(Some(target))
    }

    /// Makes such a user for a database that is not there, and removes it.
    async fn confinable(&self, of: &Identity) -> Result<()> {
        let Some(place) = &self.target().scratch_target else { return Ok(()) };
        let mut server = Target::clone(place);
        server.database = None;
        let s = MySql::new(server.clone(), secrets::resolve(&server, None).await?).migration_session(Access::ReadWrite).await?;
        // On another server a copy's own login will do.
        let tried = if s.identity().server_id == of.server_id {
            let name = format!("{SCRATCH}{:016x}", random());
            let tried = make_private(&s, &name).await;
            drop_private(&s, &name).await;
            tried.map(|_| ()).map_err(|e| no_user(&server.name, &e))
        } else {
            Ok(())
        };
        s.close().await;
        tried
    }

    async fn discard_scratch(&self, scratch: Scratch) -> Result<()> {
        let name = database_of(&scratch.target)?.to_string();
        let refuse = |why: &str| Error::failed(format!("{name} is not dropped: {why}"));
        if !name.starts_with(SCRATCH) {
            return Err(refuse("it has no name of ours"));
        }
        let mut target = scratch.target;
        target.database = None;
        let server = MySql::new(target.clone(), secrets::resolve(&target, None).await?);
        let s = server.migration_session(Access::ReadWrite).await?;
        let marked = s
            .fetch(format!(
                "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
                lit(&name),
                lit(MARKER)
            ))
            .await?;
        if marked.scalar() != Some("1") {
            return Err(refuse("it lacks the mark of a scratch database"));
        }
        s.fetch(format!("DROP DATABASE {}", q(&name))).await?;
        drop_private(&s, &name).await;
        s.close().await;
        Ok(())
    }
}

/// Hosts that a private user comes from: a server with anonymous users matches `localhost` before `%`.
const HOSTS: [&str; 2] = ["localhost", "%"];

/// The user that belongs to a scratch database: within the 32 letters that MySQL allows.
fn private_user(database: &str) -> String {
    format!("hp_scratch_{}", database.strip_prefix(SCRATCH).unwrap_or(database))
}

/// A user with all rights on a database of ours and none elsewhere: its password. What was made is removed when it fails.
async fn make_private(s: &Session, name: &str) -> Result<String> {
    let user = private_user(name);
    // Mixed, so that a rule for passwords lets it pass.
    let password = format!("Hp-{:016x}-{:016x}", random(), random());
    // An underscore in a grant stands for any letter, and other databases' names would fit.
    let database = q(&name.replace('_', "\\_"));
    for host in HOSTS {
        let account = format!("{}@{}", lit(&user), lit(host));
        for sql in [
            format!("CREATE USER {account} IDENTIFIED BY {}", lit(&password)),
            format!("GRANT ALL PRIVILEGES ON {database}.* TO {account}"),
        ] {
            if let Err(e) = s.fetch(sql).await {
                drop_private(s, name).await;
                return Err(e);
            }
        }
    }
    Ok(password)
}

/// The scratch login may not make one, where it has to.
fn no_user(place: &str, e: &Error) -> Error {
    Error::held(format!(
        "held: the scratch place {place} is on the target's own server, and its login may not make a user for the proof ({})",
        e.message
    ))
    .hint("Name a scratch target on another server.")
    .hint("Or let the scratch login make users: GRANT CREATE USER ON *.* TO it, and its own rights WITH GRANT OPTION.")
}

/// Removes it if it was made; a login that may make no users has none to remove.
async fn drop_private(s: &Session, database: &str) {
    let user = private_user(database);
    for host in HOSTS {
        let _ = s.fetch(format!("DROP USER IF EXISTS {}@{}", lit(&user), lit(host))).await;
    }
}

impl Backups for MySql {
    fn preflight<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(preflight::findings(self, identity))
    }
    fn take<'a>(
        &'a self,
        dir: &'a Path,
        by: &'a str,
        progress: &'a dyn Progress,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Manifest>> {
        Box::pin(self.take_backup(dir, by, progress, cancel))
    }
    fn restore<'a>(
        &'a self,
        dir: &'a Path,
        manifest: &'a Manifest,
        forbidden_server: Option<&'a str>,
        progress: &'a dyn Progress,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Scratch>> {
        Box::pin(self.restore_backup(dir, manifest, forbidden_server, progress, cancel))
    }
    fn compare<'a>(
        &'a self,
        _dir: &'a Path,
        manifest: &'a Manifest,
        scratch: &'a Scratch,
        progress: &'a dyn Progress,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Differences>> {
        Box::pin(self.compare_restored(manifest, scratch, progress, cancel))
    }
    fn confine<'a>(&'a self, scratch: &'a Scratch, of: &'a Identity) -> BoxFuture<'a, Result<Option<Target>>> {
        Box::pin(self.confined(scratch, of))
    }
    fn may_confine<'a>(&'a self, of: &'a Identity) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.confinable(of))
    }
    fn discard<'a>(&'a self, scratch: Scratch) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.discard_scratch(scratch))
    }
}

/// The process's own random keys: enough for a name that nobody else has.
fn random() -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// Events are restored switched off, so that they do not run in the copy.
fn events_off(objects: Vec<CanonicalObject>) -> Vec<CanonicalObject> {
    objects.into_iter().filter(|o| o.kind != EVENT_STATUS).collect()
}

/// Refuses a scratch server on which the proof would be about something else.
fn same_kind(manifest: &Manifest, now: &Identity, settings: &BTreeMap<String, String>) -> Result<()> {
    let was = &manifest.identity;
    if (was.product.as_str(), was.major.as_str()) != (now.product.as_str(), now.major.as_str()) {
        return Err(Error::failed(format!(
            "the backup is of {} {}, and the scratch server is {} {}",
            was.product, was.major, now.product, now.major
        ))
        .hint("A restore proves something only on the same release: name a scratch target on one."));
    }
    for (name, value) in settings {
        let recorded = manifest.facts.get(name).map_or("", String::as_str);
        if recorded != value {
            return Err(Error::failed(format!("{name} is `{value}` on the scratch server and `{recorded}` where the backup was taken"))
                .hint(format!("Set {name} alike: in the scratch target's `settings`, or on its server.")));
        }
    }
    Ok(())
}

/// One line for each part: digest, rows, name.
fn sections_text(sections: &BTreeMap<String, Section>) -> String {
    sections.iter().map(|(name, s)| format!("{} {} {}", s.digest, s.rows, name.replace('\n', " "))).collect::<Vec<_>>().join("\n")
}

fn sections_of(manifest: &Manifest) -> BTreeMap<String, Section> {
    let text = manifest.facts.get("sections").map_or("", String::as_str);
    text.lines()
        .filter_map(|l| {
            let mut parts = l.splitn(3, ' ');
            let (digest, rows, name) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
            Some((name.to_string(), Section { digest: digest.to_string(), rows }))
        })
        .collect()
}

/// Names the parts that differ, with row counts where they tell.
fn differences(was: &BTreeMap<String, Section>, is: &BTreeMap<String, Section>, out: &mut Differences) {
    for (name, a) in was {
        let table = name.strip_prefix("data of ");
        let list = if table.is_some() { &mut out.data } else { &mut out.schema };
        match is.get(name) {
            None => list.push(format!("{name} is missing in the copy")),
            Some(b) if a.rows != b.rows => {
                list.push(format!("{name}: {} rows in the backup, {} in the copy", a.rows, b.rows));
                if let Some(table) = table
                    && a.rows > b.rows
                {
                    out.lost_rows.insert(table.to_string(), a.rows - b.rows);
                }
            }
            Some(b) if a.digest != b.digest => list.push(format!("{name} differs in the copy")),
            Some(_) => {}
        }
    }
    for name in is.keys().filter(|n| !was.contains_key(*n)) {
        out.schema.push(format!("{name} is in the copy only"));
    }
}
