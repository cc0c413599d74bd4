//! The build script: whether the SQLite that is built along has `sqlite3_stmt_scanstatus_v2`. A build outside this directory (`cargo
//! install` from a registry) does not see `config.toml` beside this file; calling what is not there would not link.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(scanstatus)");
    println!("cargo::rerun-if-env-changed=LIBSQLITE3_FLAGS");
    if std::env::var("LIBSQLITE3_FLAGS").is_ok_and(|f| f.contains("SQLITE_ENABLE_STMT_SCANSTATUS")) {
        println!("cargo::rustc-cfg=scanstatus");
    }
}
