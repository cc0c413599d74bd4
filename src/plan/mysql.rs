//! From the server's plans to ours: pure, no connection. Unknown keys are kept, and nothing here fails on them.
//!
//! `blocks` reads `FORMAT=JSON` of MariaDB and MySQL's first version of it; `paths` reads MySQL's TREE text and its second
//! version of JSON, which both print access paths.

pub mod blocks;
pub mod paths;
