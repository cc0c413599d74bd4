//! Shared by the integration tests: private servers, the program in a pseudo-terminal, temporary places.
//!
//! Each test binary uses a part of it.
#![allow(dead_code)]

pub mod assess;
pub mod bastion;
pub mod bouncer;
pub mod certificates;
pub mod cost;
pub mod guarded;
pub mod held;
pub mod maria;
pub mod pg;
pub mod project;
pub mod pty;
pub mod recover;
pub mod relay;
pub mod server;
pub mod shop;
pub mod svg;

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a condition may take before a test gives up; generous, because CI machines are slow and shared.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Polls until the condition holds: tests wait for what they need, never for a time.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The program under test.
pub fn holdpoint() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_holdpoint"))
}

/// A command of the program with an environment of its own: nothing of the user's configuration or state is seen.
pub fn command(home: &std::path::Path) -> std::process::Command {
    let mut c = std::process::Command::new(holdpoint());
    c.env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_STATE_HOME", home.join("state"))
        .env("LANG", "C.UTF-8")
        .env("HOLDPOINT_OPERATOR", "tester")
        .current_dir(home);
    // How full this machine's disk is, is nobody's fault here; but for tests that bring a disk of their own.
    if std::env::var_os("HOLDPOINT_TEST_SMALL_DISK").is_none() {
        c.env("HOLDPOINT_TEST_DISK", "600000000000 1000000000000");
    }
    c
}
