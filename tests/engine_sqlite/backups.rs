//! Backups: taken, restored, compared, tampered with.

use super::*;

struct Backup {
    place: Place,
    dir: PathBuf,
    engine: Arc<dyn Engine>,
    manifest: Manifest,
    never: CancellationToken,
}

impl Backup {
    async fn of(place: Place) -> Self {
        let target = Target { scratch: Some(place.dir.path().join("scratch").to_string_lossy().into_owned()), ..place.target() };
        let engine = registry::engine(target, None);
        let dir = place.dir.path().join("backup");
        std::fs::create_dir(&dir).unwrap();
        let never = CancellationToken::new();
        let manifest = engine.backups().get().unwrap().take(&dir, "tester", &Silent, &never).await.unwrap();
        Backup { place, dir, engine, manifest, never }
    }
    fn copy(&self) -> PathBuf {
        self.dir.join(&self.manifest.artefacts[0].path)
    }
    async fn restore(&self) -> Result<Scratch> {
        self.engine.backups().get().unwrap().restore(&self.dir, &self.manifest, None, &Silent, &self.never).await
    }
    async fn compare(&self, scratch: &Scratch) -> Result<Differences> {
        self.engine.backups().get().unwrap().compare(&self.dir, &self.manifest, scratch, &Silent, &self.never).await
    }
    async fn discard(&self, scratch: Scratch) -> Result<()> {
        self.engine.backups().get().unwrap().discard(scratch).await
    }
    fn scratch_entries(&self) -> usize {
        std::fs::read_dir(self.place.dir.path().join("scratch")).map(|d| d.count()).unwrap_or(0)
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_backup_is_taken_restored_compared_and_discarded() {
    let b = Backup::of(Place::with(SHOP)).await;
    let m = &b.manifest;
    assert_eq!((m.format, m.taken_by.as_str(), m.artefacts.len()), (holdpoint::model::manifest::FORMAT, "tester", 1));
    assert_eq!(m.artefacts[0].bytes, std::fs::metadata(b.copy()).unwrap().len());
    assert_eq!(m.fingerprint.tables["customers"].rows, 3000);
    assert_eq!(m.fingerprint.tables["customers"].columns[2].values, 2000);
    assert_eq!(mode(&b.copy()), 0o600);
    let s = b.place.session(Access::ReadOnly).await;
    assert_eq!(m.identity.subject(), s.identity().subject());

    let scratch = b.restore().await.unwrap();
    assert_eq!(scratch.grade, Grade::Full);
    let file = scratch.target.path.clone().unwrap();
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    assert_eq!(b.compare(&scratch).await.unwrap(), Differences::default());

    // Negative controls: changed content, changed schema, lost rows must be found.
    for (change, what) in [
        ("UPDATE customers SET name = 'other' WHERE id = 1500", "customers.name"),
        ("UPDATE customers SET phone = NULL WHERE id = 1", "customers.phone"),
        ("DELETE FROM orders WHERE id = 7", "orders: 3,000 rows before, 2,999 after"),
        ("DROP INDEX by_customer", "index by_customer is missing"),
        ("PRAGMA user_version = 13", "user_version differs"),
    ] {
        let fresh = b.restore().await.unwrap();
        rusqlite::Connection::open(fresh.target.path.as_ref().unwrap()).unwrap().execute_batch(change).unwrap();
        let d = b.compare(&fresh).await.unwrap();
        assert!(d.schema.iter().chain(&d.data).any(|line| line.contains(what)), "{change}: {d:?}");
        b.discard(fresh).await.unwrap();
    }
    b.discard(scratch).await.unwrap();
    assert!(!file.exists());
    assert_eq!(b.scratch_entries(), 0);
    // What restore did not make is never removed.
    let own = Scratch { target: b.place.target(), grade: Grade::Full };
    assert!(b.discard(own).await.unwrap_err().message.contains("left alone"));
    assert!(b.place.file().exists());
}

#[tokio::test]
async fn a_tampered_or_truncated_backup_is_refused() {
    let b = Backup::of(Place::with(SHOP)).await;
    let good = std::fs::read(b.copy()).unwrap();
    let mut edited = good.clone();
    let at = edited.len() / 2;
    edited[at] ^= 1;
    for (bytes, says) in [(edited.as_slice(), "SHA-256"), (&good[..good.len() - 4096], "cut off"), (b"".as_slice(), "cut off")] {
        std::fs::write(b.copy(), bytes).unwrap();
        let e = b.restore().await.err().unwrap();
        assert!(e.message.contains(says), "{e}");
        assert_eq!(b.scratch_entries(), 0, "nothing is left in scratch");
    }
    std::fs::write(b.copy(), &good).unwrap();
    let scratch = b.restore().await.unwrap();
    b.discard(scratch).await.unwrap();

    // Another database's backup does not fit, even under the same name.
    let other = Backup::of(Place::with(SHOP)).await;
    let e = other.engine.backups().get().unwrap().restore(&b.dir, &b.manifest, None, &Silent, &b.never).await.err().unwrap();
    assert!(e.message.contains("is of"), "{e}");
    // Nor does it fit the same path once the file was replaced.
    std::fs::copy(b.place.file(), b.place.dir.path().join("swap")).unwrap();
    std::fs::rename(b.place.dir.path().join("swap"), b.place.file()).unwrap();
    assert!(b.restore().await.is_err());
}

#[tokio::test]
async fn a_damaged_copy_never_compares_equal() {
    let b = Backup::of(Place::with(SHOP)).await;
    let scratch = b.restore().await.unwrap();
    let file = scratch.target.path.clone().unwrap();
    // Smash a page in the middle, as a bad disk would.
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.len() / 2 / 4096 * 4096;
    bytes[at..at + 4096].fill(0x5a);
    std::fs::write(&file, bytes).unwrap();
    match b.compare(&scratch).await {
        Ok(d) => assert!(!d.is_empty()),
        Err(e) => assert!(e.message.contains("damaged"), "{e}"),
    }
}

#[tokio::test]
async fn a_cancelled_backup_leaves_nothing() {
    let place = Place::with(SHOP);
    let (engine, dir) = (place.engine(), place.dir.path().join("backup"));
    std::fs::create_dir(&dir).unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    let e = engine.backups().get().unwrap().take(&dir, "tester", &Silent, &stop).await.unwrap_err();
    assert_eq!(e.kind, Kind::Cancelled);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
}

#[tokio::test]
async fn a_source_that_keeps_moving_gives_no_backup() {
    let place = Place::with("PRAGMA journal_mode = WAL; CREATE TABLE n (i)");
    rusqlite::Connection::open(place.file())
        .unwrap()
        .execute_batch(
            "CREATE TABLE big AS WITH RECURSIVE s(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM s LIMIT 200000) SELECT v, hex(randomblob(40)) AS t FROM s",
        )
        .unwrap();
    let dir = place.dir.path().join("backup");
    std::fs::create_dir(&dir).unwrap();
    let (stop, file) = (Arc::new(AtomicBool::new(false)), place.file());
    let stopped = stop.clone();
    let (started, running) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        let conn = rusqlite::Connection::open(file).unwrap();
        conn.execute_batch("PRAGMA synchronous = OFF").unwrap();
        while !stopped.load(Ordering::Relaxed) {
            conn.execute("INSERT INTO n VALUES (1)", []).unwrap();
            let _ = started.send(());
        }
    });
    running.recv().unwrap();
    let e = place.engine().backups().get().unwrap().take(&dir, "tester", &Silent, &CancellationToken::new()).await.unwrap_err();
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert!(e.message.contains("written to during each of 3 copies"), "{e}");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
}

#[tokio::test]
async fn committed_rows_that_stand_in_the_wal_are_in_the_backup() {
    let place = Place::with("CREATE TABLE t (a)");
    let writer = rusqlite::Connection::open(place.file()).unwrap();
    writer.execute_batch("PRAGMA journal_mode = WAL; INSERT INTO t VALUES (1), (2); BEGIN; INSERT INTO t VALUES (3);").unwrap();
    let b = Backup::of(place).await;
    assert_eq!(b.manifest.fingerprint.tables["t"].rows, 2);
    assert_eq!(b.manifest.facts["source_journal_mode"], "wal");
    let scratch = b.restore().await.unwrap();
    assert!(b.compare(&scratch).await.unwrap().is_empty());
}

#[tokio::test]
async fn preflight_says_what_is_missing() {
    let place = Place::with(SHOP);
    let s = place.session(Access::ReadOnly).await;
    let check = async |target: Target| {
        let engine = registry::engine(target, None);
        let found = engine.backups().get().unwrap().preflight(s.identity()).await;
        found.into_iter().map(|f| (f.check, f.severity)).collect::<Vec<_>>()
    };
    let of = |name: &str, severity| (name.to_string(), severity);
    let found = check(place.target()).await;
    assert!(
        found.contains(&of("scratch-missing", Severity::Warning)) && found.contains(&of("backup-space", Severity::Unknown)),
        "{found:?}"
    );
    let full =
        Target { backups: Some(place.dir.path().join("b")), scratch: Some(place.file().to_string_lossy().into_owned()), ..place.target() };
    let found = check(full).await;
    assert!(found.contains(&of("backup-space", Severity::Ok)) && found.contains(&of("scratch-writable", Severity::Critical)), "{found:?}");
    let gone = Target { path: Some(place.dir.path().join("gone.db")), ..place.target() };
    assert_eq!(check(gone).await, [of("backup-source", Severity::Critical)]);
}
