//! Large results: spilled rows, and the budgets.

use super::*;

#[tokio::test]
async fn a_result_spills_and_every_row_comes_back() {
    let place = Place::with(SHOP);
    let s = place.session(Access::ReadOnly).await;
    let mut stream = s.run("SELECT a.id, b.id, a.name, b.phone FROM customers a, customers b LIMIT 60000").await.unwrap();
    let spill = RowSpill::new(place.dir.path().join("spill"));
    let mut first = None;
    while let Some(event) = stream.next().await {
        if let Event::Rows(batch) = event.unwrap() {
            first.get_or_insert(batch.rows());
            spill.append(batch).unwrap();
        }
    }
    assert!(first.unwrap() <= 64, "the first rows come at once");
    assert_eq!(spill.rows(), 60_000);
    assert!(spill.bytes_on_disk() > 1_000_000);
    for row in [0u64, 63, 64, 2999, 3000, 59_999] {
        let (batch, start) = spill.batch_for(row).unwrap();
        let r = (row - start) as usize;
        assert_eq!(batch.cell(r, 0), Cell::Number((row / 3000 + 1).to_string().as_bytes()));
        assert_eq!(batch.cell(r, 1), Cell::Number((row % 3000 + 1).to_string().as_bytes()));
    }
    assert!(spill.batch_for(60_000).is_none());
}

/// Budgets of the design (§7), against the `sqlite3` shell in the same run. Only meaningful with optimisation:
/// `cargo test --release --test engine_sqlite -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, for release builds"]
async fn a_million_rows_in_time_and_memory() {
    let place = Place::with(
        "CREATE TABLE m (a INTEGER PRIMARY KEY, b INTEGER, c REAL, d TEXT, e TEXT, f TEXT, g NUMERIC, h TEXT, i INTEGER, j TEXT);
         WITH RECURSIVE s(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM s LIMIT 1000000)
           INSERT INTO m SELECT v, v * 7919, v / 8.0, 'name ' || v, hex(v * 31), '2026-11-21 00:00:00', round(v / 100.0, 2), 'some longer text here ' || v, v % 97, NULL FROM s;",
    );
    let floor = || {
        let start = Instant::now();
        let status =
            std::process::Command::new("sqlite3").arg(place.file()).arg("select * from m").stdout(std::process::Stdio::null()).status();
        assert!(status.unwrap().success());
        start.elapsed()
    };
    floor();
    let cli = floor().min(floor());
    let s = place.session(Access::ReadOnly).await;
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        let start = Instant::now();
        let spill = RowSpill::new(place.dir.path());
        let mut stream = s.run("select * from m").await.unwrap();
        let mut first = None;
        while let Some(event) = stream.next().await {
            if let Event::Rows(batch) = event.unwrap() {
                first.get_or_insert_with(|| start.elapsed());
                spill.append(batch).unwrap();
            }
        }
        best = best.min((start.elapsed(), first.unwrap()));
        assert_eq!(spill.rows(), 1_000_000);
        let jump = Instant::now();
        for k in 0..1000u64 {
            assert!(spill.batch_for(k * 7919 * 31 % 1_000_000).is_some());
        }
        println!("kept {} MB on disk, a row anywhere in {:?}", spill.bytes_on_disk() / 1_000_000, jump.elapsed() / 1000);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak: u64 = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap();
    println!("sqlite3 {cli:?}, ours with every row kept {:?}, first row {:?}, peak {} MB", best.0, best.1, peak / 1024);
    assert!(best.0 <= cli.mul_f64(1.5), "{best:?} against {cli:?}");
    assert!(best.1 <= Duration::from_millis(50), "{best:?}");
    assert!(peak <= 60 * 1024, "{peak} kB");
}
