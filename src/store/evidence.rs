//! See store.rs.
