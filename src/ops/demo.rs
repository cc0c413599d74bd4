//! The demo: three SQLite databases of one shop with pending migrations, made the same each time, all in one directory.

use crate::engine::{Access, Connect, Engine, Role, Session, registry};
use crate::model::migration::Applied;
use crate::model::{Dialect, Error, Progress, Result};
use sha2::{Digest, Sha384};
use std::path::{Path, PathBuf};

/// What is written beside the databases.
const FILES: &[(&str, &str)] = &[
    ("holdpoint.toml", include_str!("../../assets/demo/holdpoint.toml")),
    ("queries/start.sql", include_str!("../../assets/demo/queries/start.sql")),
];

/// Name of a migration with its up and down script.
macro_rules! migration {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../assets/demo/migrations/", $name, ".up.sql")),
            include_str!(concat!("../../assets/demo/migrations/", $name, ".down.sql")),
        )
    };
}

/// The first [`APPLIED`] of them stand in every database's history already.
const MIGRATIONS: &[(&str, &str, &str)] = &[
    migration!("0001_create_shop"),
    migration!("0002_add_payments"),
    migration!("0003_daily_revenue"),
    migration!("0004_index_orders_by_customer"),
    migration!("0005_drop_customer_fax"),
    migration!("0006_backfill_order_totals"),
    migration!("0007_lowercase_emails"),
    migration!("0008_discontinue_products"),
];
const APPLIED: usize = 3;

const DATA: &str = include_str!("../../assets/demo/data.sql");

/// Target of the demo's project file, its file, and how many customers, products and orders it holds.
const DATABASES: &[(&str, &str, [u32; 3])] = &[
    ("shop-dev", "shop-dev.db", [120, 40, 800]),
    ("shop-qa", "shop-qa.db", [600, 80, 4_000]),
    ("shop-prod", "shop-prod.db", [6_000, 400, 42_000]),
];

/// The target on which the demo opens.
pub const START_TARGET: &str = "shop-prod";

/// A demo that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    pub dir: PathBuf,
    /// The project file, to be loaded as `--config`.
    pub config: PathBuf,
    /// The file that the editor opens with.
    pub start: PathBuf,
    /// It was there already and was left as it is.
    pub found: bool,
}

/// Makes the demo in `dir`, or finds the one that is there. A directory with anything else in it is refused. What is
/// half made never stands under the name: it is built beside it and renamed.
pub async fn create(dir: &Path, progress: &dyn Progress) -> Result<Demo> {
    let dir = std::path::absolute(dir).map_err(|e| Error::io(format_args!("finding {}", dir.display()), e))?;
    let demo = |found| Demo { config: dir.join("holdpoint.toml"), start: dir.join("queries/start.sql"), dir: dir.clone(), found };
    if dir.exists() {
        if is_demo(&dir) {
            return Ok(demo(true));
        }
        let empty = std::fs::read_dir(&dir).map_err(|e| Error::io(format_args!("reading {}", dir.display()), e))?.next().is_none();
        if !empty {
            return Err(Error::usage(format!("{} holds something else already", dir.display()))
                .hint("Name another directory: `holdpoint demo DIR`."));
        }
    }
    let parent = dir.parent().ok_or_else(|| Error::usage("the demo needs a directory of its own"))?;
    std::fs::create_dir_all(parent).map_err(|e| Error::io(format_args!("creating {}", parent.display()), e))?;
    let building = tempfile::Builder::new()
        .prefix(".holdpoint-demo-")
        .tempdir_in(parent)
        .map_err(|e| Error::io(format_args!("creating a directory in {}", parent.display()), e))?;
    build(building.path(), progress).await?;
    if dir.exists() {
        std::fs::remove_dir(&dir).map_err(|e| Error::io(format_args!("replacing the empty {}", dir.display()), e))?;
    }
    std::fs::rename(building.path(), &dir).map_err(|e| Error::io(format_args!("naming {}", dir.display()), e))?;
    // It has its name now: nothing is left for the guard to remove.
    let _ = building.keep();
    Ok(demo(false))
}

fn is_demo(dir: &Path) -> bool {
    DATABASES.iter().all(|(_, file, _)| dir.join(file).is_file())
        && std::fs::read_to_string(dir.join("holdpoint.toml")).is_ok_and(|t| t.starts_with("# The demo's project file"))
}

async fn build(dir: &Path, progress: &dyn Progress) -> Result<()> {
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| Error::io(format_args!("creating {}", parent.display()), e))?;
        }
        std::fs::write(&path, text).map_err(|e| Error::io(format_args!("writing {}", path.display()), e))
    };
    for (name, text) in FILES {
        write(name, text)?;
    }
    for (name, up, down) in MIGRATIONS {
        write(&format!("migrations/{name}.up.sql"), up)?;
        write(&format!("migrations/{name}.down.sql"), down)?;
    }
    for name in ["store", "backups", "scratch"] {
        std::fs::create_dir_all(dir.join(name)).map_err(|e| Error::io(format_args!("creating {name}"), e))?;
    }
    let total = DATABASES.len() as u64;
    for (i, (name, file, sizes)) in DATABASES.iter().enumerate() {
        progress.update(&format!("making {name}"), i as u64, Some(total));
        let path = dir.join(file);
        // An empty file is an empty database; the engine itself never makes files.
        std::fs::File::create_new(&path).map_err(|e| Error::io(format_args!("creating {}", path.display()), e))?;
        let mut target = crate::config::Target::bare(*name, crate::config::EngineKind::Sqlite);
        target.path = Some(path);
        target.access = crate::config::AccessMode::Open;
        let engine = registry::engine(target, None);
        let session = engine.connect(Connect::new(Role::Migration, Access::ReadWrite)).await?;
        fill(&*engine, &session, *sizes).await.map_err(|e| e.context(format_args!("making {name}")))?;
        session.close().await;
    }
    progress.update("demo made", total, Some(total));
    Ok(())
}

async fn fill(engine: &dyn Engine, s: &Session, [customers, products, orders]: [u32; 3]) -> Result<()> {
    let migrations = engine.migrations().get()?;
    migrations.ensure_history(s).await?;
    s.fetch("BEGIN").await?;
    for (name, up, _) in &MIGRATIONS[..APPLIED] {
        run_script(s, up).await?;
        let (version, description) = name.split_once('_').expect("names are constants with an underscore");
        let row = Applied {
            version: version.parse().expect("versions are constants"),
            description: description.replace('_', " "),
            installed_on: "2026-01-05 09:00:00".into(),
            success: true,
            checksum: hex::encode(Sha384::digest(up.as_bytes())),
            execution_time: 4_000_000,
        };
        s.fetch(migrations.insert_history(&row)).await?;
    }
    let data = DATA
        .replace("{customers}", &customers.to_string())
        .replace("{products}", &products.to_string())
        .replace("{orders}", &orders.to_string());
    run_script(s, &data).await?;
    s.fetch("COMMIT").await?;
    Ok(())
}

async fn run_script(s: &Session, script: &str) -> Result<()> {
    for statement in crate::sql::split::split_script(Dialect::Sqlite, script)? {
        s.fetch(&script[statement.span]).await?;
    }
    Ok(())
}
