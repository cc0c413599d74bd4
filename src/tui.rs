//! The terminal: enter and leave, input, the loop, jobs, clipboard.

mod clipboard;
mod escape;
mod hangup;
mod input;
pub mod jobs;
mod outside;
mod pace;
mod screen;
mod terminal;

use crate::app::{Effect, Msg, State, update};
use crate::config::keymap::Keymap;
use crate::config::theme::{ColourDepth, Theme};
use crate::config::{Config, Target};
use crate::model::{Error, Result};
use crate::ops::Cx;
use crate::ui::{self, Look};
use futures_util::StreamExt;
use hangup::Hangup;
use input::Events;
use jobs::Jobs;
use pace::Pace;
use ratatui::Terminal;
use screen::{Screen, Tty};
use std::path::PathBuf;
use std::time::Duration;
pub use terminal::width_of;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

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

/// Messages that are taken before the screen is drawn again, at most.
const DRAIN: usize = 512;

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
    let ended = console(start, keymap, look).await;
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

async fn console(start: Start, keymap: Keymap, mut look: Look) -> Result<()> {
    let gone = |e: std::io::Error| Error::io("writing to the terminal", e);
    let (tx, mut messages) = mpsc::unbounded_channel::<Msg>();
    let size = crossterm::terminal::size().map_err(gone)?;
    let mut state = State::new(start.cx.config.clone(), keymap, size, jiff::Timestamp::now());
    state.guide = start.guide;
    let mut terminal = Terminal::new(Screen::new(Tty)).map_err(gone)?;
    let remote = std::env::var_os("SSH_CONNECTION").is_some();
    let mut pace = Pace::new(Duration::from_millis(if remote { 33 } else { 16 }));
    let between = clipboard::Between::detect(start.cx.config.clipboard, |name| std::env::var(name).ok());
    let uncopied = start.cx.config.state_dir.join("clipboard.txt");

    let mut effects = Vec::new();
    if let Some(target) = &start.target {
        match start.assess {
            true => crate::app::panes::assess::enter(&mut state, &target.name, &mut effects),
            false => crate::app::update::connect(&mut state, &target.name, None, &mut effects),
        }
    }
    // The first frame comes before anything else is started.
    draw(&mut terminal, &state, &look).map_err(gone)?;
    pace.drew(Instant::now());
    let mut dirty = false;

    let jobs = Jobs::new(start.cx.clone(), start.target.clone(), tx);
    for note in &start.cx.config.notes {
        state.say(crate::app::state::Note::warning(note.clone()));
        dirty = true;
    }
    if let Some(file) = start.file {
        effects.push(Effect::OpenFile(file));
    }

    let mut input = Events::new();
    let handler = |kind| signal(kind).map_err(|e| Error::io("listening for signals", e));
    let mut term = handler(SignalKind::terminate())?;
    let mut hup = handler(SignalKind::hangup())?;
    let mut cont = handler(SignalKind::from_raw(libc_sigcont()))?;
    let mut tstp = handler(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?;
    let hangup = Hangup::of(std::io::stdin()).map_err(|e| Error::io("watching the terminal", e))?;
    let mut gone_for_good = false;
    let mut batch: Vec<Msg> = Vec::new();

    loop {
        for effect in std::mem::take(&mut effects) {
            match effect {
                Effect::Quit(_) => {
                    if let Some((target, buffers)) = crate::app::buffers::to_keep(&mut state, true) {
                        jobs.start(Effect::SaveBuffers { target, buffers });
                    }
                    jobs.buffers_saved(Duration::from_secs(10));
                    // The screen is given back first; closing sessions may take a moment.
                    terminal::leave();
                    jobs.end(Duration::from_secs(2)).await;
                    return Ok(());
                }
                Effect::Suspend => {
                    drop(input);
                    terminal::leave();
                    // Not TSTP, which is heard here when it comes from outside.
                    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
                    // Here again after `fg`; the signal below does the rest for stops that came from outside.
                    terminal::enter()?;
                    input = Events::new();
                    batch.push(Msg::Resumed);
                }
                Effect::EditOutside { text, version } => {
                    let result = match outside::command(|name| std::env::var(name).ok()) {
                        Err(e) => Err(e),
                        Ok(command) => {
                            // Ctrl-C in the editor is the editor's; from now on it does not end the console.
                            drop(handler(SignalKind::interrupt())?);
                            drop(input);
                            terminal::leave();
                            let result = outside::edit(&command, &text);
                            terminal::enter()?;
                            input = Events::new();
                            terminal.backend_mut().forget();
                            terminal.clear().map_err(gone)?;
                            dirty = true;
                            result
                        }
                    };
                    batch.push(Msg::EditedOutside { version, result });
                }
                Effect::Repaint => {
                    terminal.backend_mut().forget();
                    terminal.clear().map_err(gone)?;
                    dirty = true;
                }
                Effect::Copy(content) => {
                    // Its options may have been changed since.
                    let between = if between == clipboard::Between::Tmux { clipboard::tmux().await } else { between };
                    let (bytes, note) = clipboard::copy(&content, between, &uncopied);
                    if let Some(bytes) = bytes {
                        terminal.backend_mut().write_raw(&bytes).map_err(gone)?;
                    }
                    batch.push(Msg::Said(note));
                }
                other => jobs.start(other),
            }
        }
        if batch.is_empty() {
            let due = pace.due().unwrap_or_else(Instant::now);
            if dirty && Instant::now() >= due {
                draw(&mut terminal, &state, &look).map_err(gone)?;
                pace.drew(Instant::now());
                dirty = false;
            }
            tokio::select! {
                biased;
                _ = term.recv() => batch.push(Msg::Stop("SIGTERM".into())),
                _ = hup.recv() => batch.push(Msg::Stop("SIGHUP".into())),
                () = hangup.gone(), if !gone_for_good => {
                    gone_for_good = true;
                    batch.push(Msg::Stop("the terminal is gone".into()));
                }
                _ = tstp.recv() => effects.push(Effect::Suspend),
                _ = cont.recv() => {
                    terminal::again()?;
                    batch.push(Msg::Resumed);
                }
                event = input.next() => match event {
                    Some(Ok(event)) => {
                        batch.extend(input::message(event));
                        // What waits already goes with it, as far as it is text: a paste without brackets comes as keys.
                        if crate::app::burst::takes_text(&state) {
                            input::burst(&mut input, &mut batch).await;
                        }
                    }
                    // The terminal is gone.
                    Some(Err(_)) | None => batch.push(Msg::Stop("the terminal is gone".into())),
                },
                Some(msg) = messages.recv() => batch.push(msg),
                () = tokio::time::sleep_until(due), if dirty => continue,
            }
        }
        while batch.len() < DRAIN {
            match messages.try_recv() {
                Ok(msg) => batch.push(msg),
                Err(_) => break,
            }
        }
        if batch.is_empty() {
            continue;
        }
        effects.extend(update(&mut state, Msg::Now(jiff::Timestamp::now())));
        for msg in batch.drain(..) {
            if let Msg::Configured { config, .. } = &msg
                && let Ok(l) = self::look(config)
            {
                look = l;
            }
            // A stop is final: later messages must not undo it.
            effects.extend(update(&mut state, msg));
        }
        dirty = true;
    }
}

fn libc_sigcont() -> i32 {
    rustix::process::Signal::CONT.as_raw()
}

fn draw(terminal: &mut Terminal<Screen<Tty>>, state: &State, look: &Look) -> std::io::Result<()> {
    let drawn = terminal.draw(|frame| {
        ui::draw(state, look, frame);
        screen::settle(frame.buffer_mut());
    });
    drawn.map(drop)
}
