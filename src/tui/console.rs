//! The loop: what came goes into the state, what that asks for is done, and the screen is drawn when there is nothing more to take.

use super::clipboard::{self, Between};
use super::input::{self, Events};
use super::jobs::Jobs;
use super::pace::Pace;
use super::screen::{self, Screen, Tty};
use super::signals::{self, Heard, Signals};
use super::{Start, outside, terminal};
use crate::app::state::Note;
use crate::app::{Effect, Msg, State, update};
use crate::config::keymap::Keymap;
use crate::model::{Error, Result};
use crate::ui::{self, Look};
use futures_util::StreamExt;
use ratatui::Terminal;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::Instant;

/// Messages that are taken before the screen is drawn again, at most.
const DRAIN: usize = 512;

struct Console {
    state: State,
    look: Look,
    terminal: Terminal<Screen<Tty>>,
    pace: Pace,
    /// The state is not as it was drawn.
    dirty: bool,
    /// Nobody reads keys while the terminal is somebody else's.
    input: Option<Events>,
    signals: Signals,
    jobs: Jobs,
    /// What the jobs have to say.
    messages: UnboundedReceiver<Msg>,
    /// What came and is not in the state yet.
    batch: Vec<Msg>,
    /// What the state asks for and is not done yet.
    effects: Vec<Effect>,
    between: Between,
    /// What a terminal does not take goes into this file.
    uncopied: PathBuf,
}

/// Runs the console on a terminal that was entered, until the user leaves it.
pub async fn run(start: Start, keymap: Keymap, look: Look) -> Result<()> {
    let (tx, messages) = mpsc::unbounded_channel::<Msg>();
    let size = crossterm::terminal::size().map_err(gone)?;
    let mut state = State::new(start.cx.config.clone(), keymap, size, jiff::Timestamp::now());
    state.guide = start.guide;
    let mut terminal = Terminal::new(Screen::new(Tty)).map_err(gone)?;
    let remote = std::env::var_os("SSH_CONNECTION").is_some();
    let mut pace = Pace::new(Duration::from_millis(if remote { 33 } else { 16 }));

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

    let jobs = Jobs::new(start.cx.clone(), start.target.clone(), tx);
    for note in &start.cx.config.notes {
        state.say(Note::warning(note.clone()));
    }
    effects.extend(start.file.map(Effect::OpenFile));
    let mut console = Console {
        dirty: !start.cx.config.notes.is_empty(),
        state,
        look,
        terminal,
        pace,
        input: Some(Events::new()),
        signals: Signals::new()?,
        jobs,
        messages,
        batch: Vec::new(),
        effects,
        between: Between::detect(start.cx.config.clipboard, |name| std::env::var(name).ok()),
        uncopied: start.cx.config.state_dir.join("clipboard.txt"),
    };
    while console.turn().await?.is_continue() {}
    // The screen is given back first; closing sessions may take a moment.
    terminal::leave();
    console.jobs.end(Duration::from_secs(2)).await;
    Ok(())
}

impl Console {
    /// Does what was asked for, waits for what comes, and takes it.
    async fn turn(&mut self) -> Result<ControlFlow<()>> {
        for effect in std::mem::take(&mut self.effects) {
            if self.perform(effect).await?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if self.batch.is_empty() {
            self.wait().await?;
        }
        while self.batch.len() < DRAIN
            && let Ok(msg) = self.messages.try_recv()
        {
            self.batch.push(msg);
        }
        if !self.batch.is_empty() {
            self.take();
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Does one thing that was asked for: what has to do with the terminal here, all else beside.
    async fn perform(&mut self, effect: Effect) -> Result<ControlFlow<()>> {
        match effect {
            Effect::Quit(_) => {
                if let Some((target, buffers)) = crate::app::buffers::to_keep(&mut self.state, true) {
                    self.jobs.start(Effect::SaveBuffers { target, buffers });
                }
                self.jobs.buffers_saved(Duration::from_secs(10));
                return Ok(ControlFlow::Break(()));
            }
            Effect::Suspend => {
                self.lend();
                // Not TSTP, which is heard here when it comes from outside.
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
                // Here again after `fg`; the signal for it does the rest for stops that came from outside.
                self.take_back()?;
                self.batch.push(Msg::Resumed);
            }
            Effect::EditOutside { text, version } => {
                let result = match outside::command(|name| std::env::var(name).ok()) {
                    Err(e) => Err(e),
                    Ok(command) => {
                        signals::ignore_interrupts()?;
                        self.lend();
                        let result = outside::edit(&command, &text);
                        self.take_back()?;
                        self.forget()?;
                        result
                    }
                };
                self.batch.push(Msg::EditedOutside { version, result });
            }
            Effect::Repaint => self.forget()?,
            Effect::Copy(content) => {
                // Its options may have been changed since.
                let between = if self.between == Between::Tmux { clipboard::tmux().await } else { self.between };
                let (bytes, note) = clipboard::copy(&content, between, &self.uncopied);
                if let Some(bytes) = bytes {
                    self.terminal.backend_mut().write_raw(&bytes).map_err(gone)?;
                }
                self.batch.push(Msg::Said(note));
            }
            other => self.jobs.start(other),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Leaves the terminal to somebody else.
    fn lend(&mut self) {
        self.input = None;
        terminal::leave();
    }

    fn take_back(&mut self) -> Result<()> {
        terminal::enter()?;
        self.input = Some(Events::new());
        Ok(())
    }

    /// Nothing of what the terminal shows is known: all of it is drawn.
    fn forget(&mut self) -> Result<()> {
        self.terminal.backend_mut().forget();
        self.terminal.clear().map_err(gone)?;
        self.dirty = true;
        Ok(())
    }

    /// Draws what is to be drawn, at its time, and waits for something to take.
    async fn wait(&mut self) -> Result<()> {
        let due = self.pace.due().unwrap_or_else(Instant::now);
        if self.dirty && Instant::now() >= due {
            draw(&mut self.terminal, &self.state, &self.look).map_err(gone)?;
            self.pace.drew(Instant::now());
            self.dirty = false;
        }
        let input = self.input.get_or_insert_with(Events::new);
        tokio::select! {
            biased;
            heard = self.signals.next() => match heard {
                Heard::Stop(why) => self.batch.push(Msg::Stop(why.into())),
                Heard::Suspend => self.effects.push(Effect::Suspend),
                Heard::Resumed => {
                    terminal::again()?;
                    self.batch.push(Msg::Resumed);
                }
            },
            event = input.next() => match event {
                Some(Ok(event)) => {
                    self.batch.extend(input::message(event));
                    // What waits already goes with it, as far as it is text: a paste without brackets comes as keys.
                    if crate::app::burst::takes_text(&self.state) {
                        input::burst(input, &mut self.batch).await;
                    }
                }
                // The terminal is gone.
                Some(Err(_)) | None => self.batch.push(Msg::Stop("the terminal is gone".into())),
            },
            Some(msg) = self.messages.recv() => self.batch.push(msg),
            () = tokio::time::sleep_until(due), if self.dirty => {}
        }
        Ok(())
    }

    /// Takes what came into the state.
    fn take(&mut self) {
        self.effects.extend(update(&mut self.state, Msg::Now(jiff::Timestamp::now())));
        for msg in self.batch.drain(..) {
            if let Msg::Configured { config, .. } = &msg
                && let Ok(look) = super::look(config)
            {
                self.look = look;
            }
            // A stop is final: later messages must not undo it.
            self.effects.extend(update(&mut self.state, msg));
        }
        self.dirty = true;
    }
}

fn draw(terminal: &mut Terminal<Screen<Tty>>, state: &State, look: &Look) -> std::io::Result<()> {
    let drawn = terminal.draw(|frame| {
        ui::draw(state, look, frame);
        screen::settle(frame.buffer_mut());
    });
    drawn.map(drop)
}

fn gone(e: std::io::Error) -> Error {
    Error::io("writing to the terminal", e)
}
