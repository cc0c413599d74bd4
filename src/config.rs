//! Configuration: targets, environments, policy, secrets, keymap, themes, checklist files.
//!
//! Layers, later ones win: built-in `config/default.toml`, the user's file (`$XDG_CONFIG_HOME/holdpoint/config.toml`),
//! the project's `holdpoint.toml` found upward from the working directory, `--config FILE`, environment variables.
//! Every error names file:line:column and the nearest valid key.

pub mod checklist;
pub mod files;
pub mod keymap;
pub mod manual;
pub mod secrets;
pub mod surroundings;
pub mod target;
pub mod targets;
pub mod theme;
pub mod toml_file;
pub mod url;

pub use checklist::{ChecklistFile, StepDef, StepKind};
pub use files::{Config, Policy, load};
pub use surroundings::Surroundings;
pub use target::{AccessMode, EngineKind, Later, SecretSource, SslMode, Target, Threshold, same_file};
pub use targets::UrlFrom;
