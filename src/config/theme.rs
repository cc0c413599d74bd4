//! See config.rs.
