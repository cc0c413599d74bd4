//! A console to drive: made-up configuration, made-up servers, a screen as text.

use holdpoint::app::effect::Effect;
use holdpoint::app::link::Server;
use holdpoint::app::msg::{RunEvent, Timer};
use holdpoint::app::{Action, Msg, State, update};
use holdpoint::config::keymap::{Key, Keymap};
use holdpoint::config::surroundings::Surroundings;
use holdpoint::config::theme::{ColourDepth, Theme};
use holdpoint::engine::SessionStatus;
use holdpoint::model::{Align, Column, Dialect, Identity, NodePath, ReadOnly, SchemaNode, TxState};
use holdpoint::ui::{self, Look};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::path::Path;
use std::sync::Arc;

const TARGETS: &str = r#"
[targets.shop-prod]
engine = "sqlite"
path = "/srv/shop-prod.db"
environment = "production"

[targets.shop-dev]
engine = "sqlite"
path = "/srv/shop-dev.db"
environment = "development"

[targets.shop-qa]
engine = "sqlite"
path = "/srv/shop-qa.db"
environment = "qa"
"#;

pub struct Console {
    pub state: State,
    pub mono: bool,
    /// Timers that were armed and have not gone off.
    armed: Vec<Timer>,
    /// Hands type on when a question opens by itself, until [`Console::timers`].
    pub typing_on: bool,
}

impl Console {
    pub fn new(w: u16, h: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("holdpoint.toml"), TARGETS).unwrap();
        let around = Surroundings::made_up(dir.path(), dir.path(), []);
        let mut config = holdpoint::config::files::load_in(None, &around).unwrap();
        // Paths of the temporary directory are no part of a picture.
        config.read_from = vec![Path::new("holdpoint.toml").to_path_buf()];
        let keymap = Keymap::builtin().unwrap();
        let names: Vec<&str> = Action::ALL.iter().map(|a| a.name()).collect();
        keymap.check(&names).unwrap();
        let now = "2026-11-21T09:30:00Z".parse().unwrap();
        Console { state: State::new(Arc::new(config), keymap, (w, h), now), mono: false, armed: Vec::new(), typing_on: false }
    }

    pub fn send(&mut self, msg: Msg) -> Vec<Effect> {
        let mut out = Vec::new();
        for e in update(&mut self.state, msg) {
            match e {
                Effect::After(_, Timer::Rest { question, presses }) if !self.typing_on => {
                    assert!(update(&mut self.state, Msg::Timer(Timer::Rest { question, presses })).is_empty());
                }
                Effect::After(_, timer @ Timer::Letter { .. }) if !self.typing_on => out.extend(self.send(Msg::Timer(timer))),
                Effect::After(_, timer) => self.armed.push(timer),
                e => out.push(e),
            }
        }
        out
    }

    /// Lets all armed timers go off.
    pub fn timers(&mut self) -> Vec<Effect> {
        let armed = std::mem::take(&mut self.armed);
        armed.into_iter().filter(|t| !matches!(t, Timer::Tick(_))).flat_map(|t| self.send(Msg::Timer(t))).collect()
    }

    /// The clock comes.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub fn tick(&mut self) -> Vec<Effect> {
        self.send(Msg::Timer(Timer::Tick(self.state.clock)))
    }

    pub fn press(&mut self, key: &str) -> Vec<Effect> {
        self.send(Msg::Key(Key::parse(key).unwrap()))
    }

    pub fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            self.send(Msg::Key(Key::char(c)));
        }
    }

    /// Goes to the editor and types.
    pub fn editor(&mut self, text: &str) {
        self.press("2");
        self.send(Msg::Paste(text.into()));
    }

    pub fn connect(&mut self, name: &str) {
        self.connect_as(name, Dialect::Sqlite);
    }

    pub fn connect_as(&mut self, name: &str, dialect: Dialect) {
        let mut effects = Vec::new();
        holdpoint::app::update::connect(&mut self.state, name, None, &mut effects);
        let target = self.state.config.targets[name].clone();
        let identity = Identity {
            product: "SQLite".into(),
            version: "3.51.3".into(),
            major: "3".into(),
            address: "/srv/shop.db".into(),
            server_id: "1:2:/srv/shop.db".into(),
            database: "shop.db".into(),
            database_id: String::new(),
            user: String::new(),
            pooler: None,
            unverified: None,
        };
        let read_only = if target.access == holdpoint::config::AccessMode::Open { ReadOnly::No } else { ReadOnly::File };
        let status = SessionStatus { tx: TxState::Idle, read_only, lost: None, round_trip: None, place: None, reading: dialect.into() };
        let server = Server { target, identity, status, dialect, no_plans: None, no_backups: None, no_migrations: None };
        let link = self.state.link_no;
        self.send(Msg::Connected { link, server: Box::new(server) });
    }

    pub fn status(&mut self, tx: TxState) -> Vec<Effect> {
        let mut status = self.state.link.server().unwrap().status.clone();
        status.tx = tx;
        let link = self.state.link_no;
        self.send(Msg::Status { link, status })
    }

    pub fn children(&mut self, at: &[(holdpoint::model::NodeKind, &str)], nodes: Vec<SchemaNode>) {
        let at = NodePath(at.iter().map(|(k, n)| (*k, (*n).to_string())).collect());
        let link = self.state.link_no;
        self.send(Msg::Children { link, at, result: Ok(nodes) });
    }

    pub fn run(&mut self, job: u64, event: RunEvent) -> Vec<Effect> {
        self.send(Msg::Run { job, event })
    }

    /// What is drawn, with its styles.
    pub fn buffer(&self) -> ratatui::buffer::Buffer {
        let (w, h) = self.state.size;
        let depth = if self.mono { ColourDepth::None } else { ColourDepth::True };
        let theme = Theme::built_in("dark", depth).unwrap();
        let look = Look::new(&theme, self.mono);
        let mut terminal = Terminal::new(TestBackend::new(w, h)).unwrap();
        terminal.draw(|f| ui::draw(&self.state, &look, f)).unwrap();
        terminal.backend().buffer().clone()
    }

    /// The screen as text, without blanks at line ends.
    pub fn screen(&self) -> String {
        let (w, h) = self.state.size;
        let buffer = self.buffer();
        let mut out = String::new();
        for y in 0..h {
            let mut line = String::new();
            let mut skip = 0;
            for x in 0..w {
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                let symbol = buffer[(x, y)].symbol();
                line.push_str(symbol);
                skip = holdpoint::text::width(symbol).saturating_sub(1);
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

pub fn columns(of: &[(&str, &str, bool)]) -> Arc<[Column]> {
    of.iter()
        .map(|(name, type_name, number)| Column {
            name: (*name).into(),
            type_name: (*type_name).into(),
            align: if *number { Align::Right } else { Align::Left },
            origin: None,
            style: None,
        })
        .collect()
}
