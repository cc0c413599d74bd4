//! Backups: `pg_dump -Fd` from an exported snapshot, fingerprinted from inside the same snapshot; restored by `pg_restore`
//! into a database made for the purpose, and compared by content.
//!
//! A restore leaves owners and privileges out (`--no-owner --no-privileges`: the roles need not exist on another cluster),
//! so comparing leaves out the kinds of [`objects::NOT_RESTORED`]; they stand in the manifest all the same.

use super::catalog::{cell, pinned};
use super::connect::Dialer;
use super::tools;
use super::{Postgres, objects, open};
use crate::config::{AccessMode, EngineKind, SecretSource, Target};
use crate::engine::{Access, Backups, Connect, Password, Role, Scratch, Session, fingerprint};
use crate::model::evidence::Grade;
use crate::model::manifest::{Artefact, Differences, Fingerprint, Manifest};
use crate::model::{Dialect, Error, Finding, Identity, Kind, Progress, Result};
use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

mod preflight;

/// The dump's directory in a backup directory.
const DUMP: &str = "dump";
/// Every scratch database starts so, and carries [`MARKER`] as its comment: without both nothing is ever dropped.
const PREFIX: &str = "holdpoint_scratch_";
const MARKER: &str = "holdpoint scratch database, made from backup ";

/// How values are printed, on both sides alike; and no limit of the server ends the work half-way.
const PINS: &[(&str, &str)] = &[
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    ("lc_monetary", "C"),
    ("xmlbinary", "base64"),
    ("search_path", ""),
    ("statement_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    // Hidden rows are an error, never a smaller backup.
    ("row_security", "off"),
];

/// Encoding and locale of the database: what a scratch database has to have too.
const DATABASE: &str = "SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype, to_jsonb(d) ->> 'datlocprovider', \
    coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') FROM pg_catalog.pg_database d WHERE datname = current_database()";

/// Values of all sequences. They are no part of a snapshot, so they are read before and after the dump.
const SEQUENCES: &str = "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), coalesce(pg_catalog.pg_sequence_last_value(c.oid)::text, 'unused') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S' AND n.nspname !~ '^pg_' ORDER BY 1";

/// Large objects, which no table holds.
const LARGE_OBJECTS: &str = "SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(pg_catalog.lo_get(oid)), '' ORDER BY oid)), '-') FROM pg_catalog.pg_largeobject_metadata";

/// Materialized views that hold rows.
const MATERIALIZED: &str = "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND c.relispopulated ORDER BY 1";

/// See `Catalog::beside_tables`.
pub(super) async fn beside_tables(s: &Session) -> Result<BTreeMap<String, String>> {
    let mut out = BTreeMap::new();
    if let Some(large) = s.fetch(LARGE_OBJECTS).await?.scalar().filter(|l| !l.starts_with("0 ")) {
        out.insert("large objects".to_string(), large.to_string());
    }
    for row in pinned(s, MATERIALIZED, &[]).await?.rows {
        let view = cell(&row, 0);
        // A sum does not depend on an order, and needs no room.
        let rows = format!(
            "SELECT count(*) || ' ' || coalesce(sum(('x' || substr(md5(q::text), 1, 15))::bit(60)::bigint)::text, '-') FROM {view} q"
        );
        let rows = s.fetch(rows).await?;
        out.insert(format!("materialized view {view}"), rows.scalar().unwrap_or_default().to_string());
    }
    Ok(out)
}

/// Prefix of the facts that hold sequences' values.
const SEQUENCE_FACT: &str = "sequence ";

async fn sequences(s: &Session) -> Result<BTreeMap<String, String>> {
    let t = pinned(s, SEQUENCES, &[]).await?;
    Ok(t.rows.iter().map(|r| (cell(r, 0).to_string(), cell(r, 1).to_string())).collect())
}

/// Removes what was made so far when it is dropped before [`Undo::keep`].
struct Undo<'a>(Option<&'a Path>);

impl Undo<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if let Some(p) = self.0 {
            let _ = std::fs::remove_dir_all(p);
        }
    }
}

impl Postgres {
    /// A session for our own work on a target, with the pins.
    async fn own_session(target: &Target, password: &Password) -> Result<Session> {
        // The target's own settings would change how values are printed.
        let bare = Target { settings: BTreeMap::new(), search_path: None, ..target.clone() };
        let how = Connect { lock_timeout: Some(Duration::from_secs(10)), ..Connect::new(Role::Migration, Access::ReadWrite) };
        open::open(&bare, password, how, PINS).await
    }

    async fn take_backup(&self, dir: &Path, by: &str, progress: &dyn Progress, cancel: &CancellationToken) -> Result<Manifest> {
        let start = Instant::now();
        let s = Self::own_session(&self.target, &self.password).await?;
        let identity = s.identity().clone();
        let tools = tools::fitting(tools::installed().await, identity.major.parse().unwrap_or(0))?;
        let dump = dir.join(DUMP);
        if dump.exists() {
            return Err(Error::failed(format!("{} holds a backup already", dir.display())));
        }
        let undo = Undo(Some(&dump));
        let before = sequences(&s).await?;
        s.fetch("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let snapshot = s.fetch("SELECT pg_catalog.pg_export_snapshot()").await?.scalar().unwrap_or_default().to_string();

        let dialer = Dialer::new(&self.target).await?;
        let mut command = tools.command("pg_dump", &dialer, &self.target, &self.password, &identity.database)?;
        command
            .args(["--format=directory", "--verbose", "--lock-wait-timeout=10s"])
            .arg(format!("--snapshot={snapshot}"))
            .arg(format!("--file={}", dump.display()));
        let total = self.count_tables(&s).await;
        let mut done = 0;
        tools::run(command, &format!("pg_dump of {}", identity.database), cancel, |line| {
            if let Some((_, table)) = line.split_once("dumping contents of table ") {
                progress.update(&format!("dumping {}", crate::text::clean(table.trim_matches('"'))), done, total);
                done += 1;
            }
        })
        .await?;

        let print = tokio::select! {
            print = fingerprint::take(self, &s, progress, cancel) => print?,
            () = cancel.cancelled() => return Err(Error::cancelled()),
        };
        let after = sequences(&s).await?;
        let mut facts = BTreeMap::from([("snapshot".to_string(), snapshot)]);
        let db = s.fetch(DATABASE).await?;
        for (i, name) in ["encoding", "collate", "ctype", "locale-provider", "locale"].iter().enumerate() {
            if let Some(value) = db.rows.first().and_then(|r| r.get(i).cloned().flatten()) {
                facts.insert((*name).into(), value);
            }
        }
        if let Some(large) = s.fetch(LARGE_OBJECTS).await?.scalar() {
            facts.insert("large-objects".into(), large.into());
        }
        for (name, last) in after {
            let first = before.get(&name).unwrap_or(&last);
            facts.insert(format!("{SEQUENCE_FACT}{name}"), format!("{first} {last}"));
        }
        s.fetch("ROLLBACK").await?;
        s.close().await;

        progress.update("hashing the dump", 0, None);
        let (root, stop) = (dir.to_path_buf(), cancel.clone());
        let artefacts = on_thread(move || artefacts(&root, &stop)).await?;
        undo.keep();
        Ok(Manifest {
            format: crate::model::manifest::FORMAT,
            id: id_of(&artefacts),
            target: self.target.name.clone(),
            identity,
            taken_at: jiff::Timestamp::now().to_string(),
            taken_by: by.to_string(),
            tool: tools.version,
            artefacts,
            fingerprint: print,
            took_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            facts,
        })
    }

    /// For progress only.
    async fn count_tables(&self, s: &Session) -> Option<u64> {
        let text = "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
            WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";
        s.fetch(text).await.ok()?.scalar()?.parse().ok()
    }

    /// The configured scratch server with its password.
    async fn scratch_server(&self) -> Result<(Target, Password)> {
        let Some(t) = self.target.scratch_target.as_deref() else {
            return Err(Error::usage(format!("target {} has no scratch place", self.target.name))
                .hint(format!("Set `scratch` of {} to another PostgreSQL target whose role may create databases.", self.target.name)));
        };
        if t.engine != EngineKind::Postgres {
            return Err(Error::usage(format!("target {} is the scratch place of {}, and is not PostgreSQL", t.name, self.target.name)));
        }
        let password = match &t.password {
            SecretSource::Given(p) if !crate::config::secrets::has_variables(p.expose_secret()) => Some(p.clone()),
            _ => crate::config::secrets::resolve(t, None).await?,
        };
        let mut target = t.clone();
        target.database.get_or_insert_with(|| "postgres".into());
        Ok((target, password))
    }

    async fn restore_backup(
        &self,
        dir: &Path,
        manifest: &Manifest,
        forbidden: Option<&str>,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Scratch> {
        if manifest.identity.product != "PostgreSQL" {
            return Err(Error::failed(format!("the backup in {} is of {}, not of PostgreSQL", dir.display(), manifest.identity.product)));
        }
        progress.update("checking the dump's files", 0, Some(manifest.artefacts.len() as u64));
        let (root, expected, stop) = (dir.to_path_buf(), manifest.clone(), cancel.clone());
        on_thread(move || intact(&root, &expected, &stop)).await?;

        let (server, password) = self.scratch_server().await?;
        let s = Self::own_session(&server, &password).await.map_err(|e| e.context(format!("scratch target {}", server.name)))?;
        let place = s.identity().clone();
        refuse_production(&server, &place, forbidden)?;
        let (there, dumped): (u32, u32) = (place.major.parse().unwrap_or(0), manifest.identity.major.parse().unwrap_or(0));
        if there < dumped {
            return Err(Error::failed(format!(
                "the scratch server {} is PostgreSQL {there}, older than the backup's {dumped}",
                server.name
            ))
            .hint("Use a scratch server of the same major version, so that the proof holds for production."));
        }
        let tools = tools::fitting(tools::installed().await, there.max(dumped))?;
        let name = format!("{PREFIX}{}", random());
        let database = Target {
            name: format!("{}-scratch", self.target.name),
            database: Some(name.clone()),
            environment: None,
            access: AccessMode::Open,
            password: password.clone().map_or(server.password.clone(), SecretSource::Given),
            scratch: None,
            scratch_target: None,
            history: false,
            ..server.clone()
        };
        progress.update("creating the scratch database", 0, None);
        s.fetch(create_database(&name, &manifest.facts)).await.map_err(|e| {
            let e = e.context(format!("creating a scratch database on {}", server.name));
            if e.code.as_deref() == Some("42501") {
                e.hint(format!("ALTER ROLE {} CREATEDB;", Dialect::Postgres.quote_ident(&place.user)))
            } else {
                e
            }
        })?;
        let fill = async {
            let comment = Dialect::Postgres.quote_literal(&format!("{MARKER}{}", manifest.id));
            s.fetch(format!("COMMENT ON DATABASE {} IS {comment}", Dialect::Postgres.quote_ident(&name))).await?;
            let dialer = Dialer::new(&server).await?;
            let mut command = tools.command("pg_restore", &dialer, &server, &password, &name)?;
            command.args(["--format=directory", "--verbose", "--exit-on-error", "--no-owner", "--no-privileges"]);
            command.arg(format!("--dbname={name}")).arg(dir.join(DUMP));
            let total = Some(manifest.fingerprint.tables.len() as u64);
            let mut done = 0;
            tools::run(command, &format!("pg_restore into {name}"), cancel, |line| {
                if let Some((_, table)) = line.split_once("processing data for table ") {
                    progress.update(&format!("restoring {}", crate::text::clean(table.trim_matches('"'))), done, total);
                    done += 1;
                }
            })
            .await
        };
        if let Err(e) = fill.await {
            // Made by us a moment ago: its marker may be missing still.
            let _ = drop_database(&s, &name, there).await;
            return Err(e);
        }
        s.close().await;
        Ok(Scratch { target: database, grade: Grade::Full })
    }

    async fn compare_restore(
        &self,
        manifest: &Manifest,
        scratch: &Scratch,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Differences> {
        if manifest.fingerprint.objects.is_empty() {
            return Err(Error::new(Kind::Unknown, "the manifest holds no fingerprint, so there is nothing to compare with"));
        }
        let password = match &scratch.target.password {
            SecretSource::Given(p) => Some(p.clone()),
            _ => crate::config::secrets::resolve(&scratch.target, None).await?,
        };
        let s = Self::own_session(&scratch.target, &password).await?;
        s.fetch("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let now = tokio::select! {
            print = fingerprint::take(self, &s, progress, cancel) => print?,
            () = cancel.cancelled() => return Err(Error::cancelled()),
        };
        let mut out = fingerprint::compare(&restorable(&manifest.fingerprint), &restorable(&now));
        let values = sequences(&s).await?;
        for (fact, was) in manifest.facts.iter().filter_map(|(k, v)| Some((k.strip_prefix(SEQUENCE_FACT)?, v))) {
            if let Some(problem) = sequence_differs(was, values.get(fact).map(String::as_str)) {
                out.data.push(format!("sequence {fact}: {problem}"));
            }
        }
        let large = s.fetch(LARGE_OBJECTS).await?.scalar().map(String::from);
        if let Some(was) = manifest.facts.get("large-objects")
            && large.as_ref() != Some(was)
        {
            out.data.push(format!("large objects differ: {was} before, {} now (count and hash)", large.unwrap_or_default()));
        }
        s.fetch("ROLLBACK").await?;
        s.close().await;
        Ok(out)
    }

    async fn discard_scratch(&self, scratch: Scratch) -> Result<()> {
        let name = scratch.target.database.clone().unwrap_or_default();
        if !name.starts_with(PREFIX) {
            return Err(Error::failed(format!("database {name} was not made by Holdpoint and is left alone")));
        }
        let (server, password) = self.scratch_server().await?;
        let s = Self::own_session(&server, &password).await?;
        let text = "SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = $1";
        let marked = s.fetch_with(text, vec![Some(name.clone())]).await?;
        if marked.rows.is_empty() {
            return Ok(());
        }
        if !marked.scalar().is_some_and(|c| c.starts_with(MARKER)) {
            return Err(Error::failed(format!("database {name} does not carry Holdpoint's marker and is left alone"))
                .hint("If it is a left-over of ours whose comment was changed, drop it by hand."));
        }
        drop_database(&s, &name, s.identity().major.parse().unwrap_or(0)).await?;
        s.close().await;
        Ok(())
    }
}

/// Refuses the server that holds the production data, and one that cannot be told apart from it.
fn refuse_production(server: &Target, place: &Identity, forbidden: Option<&str>) -> Result<()> {
    let Some(forbidden) = forbidden else { return Ok(()) };
    let by_address = |id: &str| id.starts_with("address-");
    if place.server_id == forbidden {
        return Err(Error::held(format!("the scratch target {} is on the production server itself", server.name))
            .hint("Restores for proofs never go there: name a scratch target on another server."));
    }
    if by_address(&place.server_id) != by_address(forbidden) {
        return Err(Error::held(format!("whether the scratch target {} is on the production server cannot be told", server.name)).hint(
            "One of the two does not let its role call pg_control_system(): GRANT EXECUTE ON FUNCTION pg_control_system() TO the role.",
        ));
    }
    Ok(())
}

async fn drop_database(s: &Session, name: &str, major: u32) -> Result<()> {
    // Sessions that still hang on it are of our own making.
    let force = if major >= 13 { " WITH (FORCE)" } else { "" };
    s.fetch(format!("DROP DATABASE IF EXISTS {}{force}", Dialect::Postgres.quote_ident(name))).await.map(drop)
}

/// With the encoding and locale of the original: sort order decides what a unique index accepts.
fn create_database(name: &str, facts: &BTreeMap<String, String>) -> String {
    let d = Dialect::Postgres;
    let mut text = format!("CREATE DATABASE {} TEMPLATE template0", d.quote_ident(name));
    for (fact, word) in [("encoding", "ENCODING"), ("collate", "LC_COLLATE"), ("ctype", "LC_CTYPE")] {
        if let Some(v) = facts.get(fact) {
            text.push_str(&format!(" {word} {}", d.quote_literal(v)));
        }
    }
    match (facts.get("locale-provider").map(String::as_str), facts.get("locale")) {
        (Some("i"), Some(l)) => text.push_str(&format!(" LOCALE_PROVIDER icu ICU_LOCALE {}", d.quote_literal(l))),
        (Some("b"), Some(l)) => text.push_str(&format!(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {}", d.quote_literal(l))),
        _ => {}
    }
    text
}

fn random() -> String {
    use std::hash::{BuildHasher, Hasher};
    // Two independently keyed hashers: names only have to differ from each other.
    format!("{:016x}", std::hash::RandomState::new().build_hasher().finish())
}

/// Without the kinds that a restore does not bring back.
fn restorable(f: &Fingerprint) -> Fingerprint {
    let objects = f.objects.iter().filter(|o| !objects::NOT_RESTORED.contains(&o.kind.as_str())).cloned().collect();
    Fingerprint { objects, tables: f.tables.clone(), ..Fingerprint::default() }
}

/// The manifest has the value before and after the dump; the restored one must lie between.
fn sequence_differs(was: &str, now: Option<&str>) -> Option<String> {
    let Some(now) = now else { return Some("is missing".into()) };
    let (first, last) = was.split_once(' ').unwrap_or((was, was));
    if now == first || now == last {
        return None;
    }
    if let (Ok(a), Ok(b), Ok(n)) = (first.parse::<i64>(), last.parse::<i64>(), now.parse::<i64>())
        && (a.min(b)..=a.max(b)).contains(&n)
    {
        return None;
    }
    // Unused before the dump and used after it: any value up to the later one.
    if first == "unused"
        && let (Ok(b), Ok(n)) = (last.parse::<i64>(), now.parse::<i64>())
        && n <= b
    {
        return None;
    }
    Some(format!("stood at {first} when the dump began and at {last} when it ended, and at {now} after the restore"))
}

/// Work on files, away from the runtime's own threads.
async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(Error::failed(format!("a piece of work ended early: {e}"))))
}

fn hash_file(path: &Path, cancel: &CancellationToken) -> Result<(u64, String)> {
    let failed = |e| Error::io(format!("reading {}", path.display()), e);
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0u8; 1 << 20];
    let mut bytes = 0u64;
    loop {
        if cancel.is_cancelled() {
            return Err(Error::cancelled());
        }
        let n = file.read(&mut buffer).map_err(failed)?;
        if n == 0 {
            return Ok((bytes, hex::encode(hash.finalize())));
        }
        bytes += n as u64;
        hash.update(&buffer[..n]);
    }
}

/// The dump's files in order of their names.
fn artefacts(root: &Path, cancel: &CancellationToken) -> Result<Vec<Artefact>> {
    let dump = root.join(DUMP);
    let failed = |e| Error::io(format!("reading {}", dump.display()), e);
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(&dump).map_err(failed)?.map(|e| e.map(|e| e.path())).collect::<std::result::Result<_, _>>().map_err(failed)?;
    names.sort();
    let mut out = Vec::new();
    for path in names {
        let (bytes, sha256) = hash_file(&path, cancel)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        out.push(Artefact { path: format!("{DUMP}/{name}"), bytes, sha256 });
    }
    Ok(out)
}

fn id_of(artefacts: &[Artefact]) -> String {
    let mut hash = Sha256::new();
    for a in artefacts {
        hash.update(a.sha256.as_bytes());
    }
    hex::encode(hash.finalize())
}

/// Every file as the manifest says; the error names the first that is not.
fn intact(root: &Path, manifest: &Manifest, cancel: &CancellationToken) -> Result<()> {
    let damaged = |what: String| {
        Error::failed(format!("the backup in {} is damaged: {what}", root.display()))
            .hint("Do not rely on it: take a new backup, and find out what happened to this one.")
    };
    if manifest.artefacts.is_empty() || id_of(&manifest.artefacts) != manifest.id {
        return Err(damaged("its manifest does not fit its own id".into()));
    }
    for a in &manifest.artefacts {
        // The manifest may come from elsewhere: it names files of the dump and nothing else.
        let simple = a.path.strip_prefix("dump/").is_some_and(|n| !n.is_empty() && !n.contains('/') && n != "..");
        if !simple {
            return Err(damaged(format!("its manifest names `{}`, which is no file of a dump", a.path)));
        }
        let path = root.join(&a.path);
        if !path.is_file() {
            return Err(damaged(format!("{} is missing", a.path)));
        }
        let (bytes, sha256) = hash_file(&path, cancel)?;
        if bytes != a.bytes {
            return Err(damaged(format!("{} has {bytes} bytes, and had {} when it was taken", a.path, a.bytes)));
        }
        if sha256 != a.sha256 {
            return Err(damaged(format!("the content of {} was changed since it was taken", a.path)));
        }
    }
    Ok(())
}

impl Backups for Postgres {
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
        Box::pin(self.compare_restore(manifest, scratch, progress, cancel))
    }
    fn discard<'a>(&'a self, scratch: Scratch) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.discard_scratch(scratch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_may_stand_anywhere_between_its_two_readings() {
        assert_eq!(sequence_differs("5 5", Some("5")), None);
        assert_eq!(sequence_differs("5 9", Some("7")), None);
        assert_eq!(sequence_differs("unused 9", Some("3")), None);
        assert_eq!(sequence_differs("unused unused", Some("unused")), None);
        for (was, now) in [("5 5", Some("4")), ("5 9", Some("10")), ("5 5", Some("unused")), ("5 5", None)] {
            assert!(sequence_differs(was, now).is_some(), "{was} {now:?}");
        }
    }

    #[test]
    fn production_is_refused_and_so_is_what_cannot_be_told() {
        let t = Target::bare("s", EngineKind::Postgres);
        let mut id = Identity {
            product: "PostgreSQL".into(),
            version: "15".into(),
            major: "15".into(),
            address: "x".into(),
            server_id: "71".into(),
            database: "d".into(),
            database_id: String::new(),
            user: "u".into(),
            pooler: None,
            unverified: None,
        };
        assert_eq!(refuse_production(&t, &id, Some("71")).unwrap_err().kind, Kind::Held);
        assert!(refuse_production(&t, &id, Some("72")).is_ok());
        assert_eq!(refuse_production(&t, &id, Some("address-ab")).unwrap_err().kind, Kind::Held);
        id.server_id = "address-cd".into();
        assert!(refuse_production(&t, &id, Some("address-ab")).is_ok());
    }
}
