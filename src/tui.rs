//! The terminal: enter and leave, input, the loop, jobs, clipboard.

mod clipboard;
mod console;
mod escape;
mod hangup;
mod input;
pub mod jobs;
mod outside;
mod pace;
mod screen;
mod signals;
mod terminal;

use crate::config::keymap::Keymap;
use crate::config::theme::{ColourDepth, Theme};
use crate::config::{Config, Target};
use crate::model::Result;
use crate::ops::Cx;
use crate::ui::Look;
use std::path::PathBuf;
pub use terminal::width_of;

/// How the console starts.
pub struct Start {
    pub cx: Cx,
    /// The target to open; the start screen when `None`.
    pub target: Option<Target>,
    /// SQL file for the editor.
    pub file: Option<PathBuf>,
    /// Assess the target instead of opening it.
    pub assess: bool,
    /// Show the demo's guide.
    pub guide: bool,
}

/// Runs the console until the user leaves it.
pub async fn run(start: Start) -> Result<()> {
    let config = start.cx.config.clone();
    let keymap = Keymap::load(&config.around, config.editor_keys)?;
    let names: Vec<&str> = crate::app::Action::ALL.iter().map(|a| a.name()).collect();
    keymap.check(&names)?;
    let look = look(&config)?;
    terminal::install_panic_hook();
    terminal::enter()?;
    let guard = terminal::Guard;
    let ended = console::run(start, keymap, look).await;
    drop(guard);
    ended
}

/// The theme as it can be shown on this terminal.
fn look(config: &Config) -> Result<Look> {
    let depth = ColourDepth::detect(|name| std::env::var(name).ok());
    // The fonts of Linux' own console have few of the signs.
    let ascii = config.ascii || config.around.var("TERM") == Some("linux");
    Ok(Look::new(&Theme::load(&config.theme, depth, &config.around)?, ascii))
}
