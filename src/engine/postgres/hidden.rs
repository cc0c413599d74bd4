//! What a statement calls that its text does not show. A read-only transaction stops ordinary writes, but not what a
//! function does outside of it (`COPY … TO PROGRAM`, dblink, ending another session), so a read is refused when one of
//! its views, operators, casts, domains, aggregates or policies leads to a volatile function of a user.
//!
//! A function in an operator class or a cast counts only where the statement can come to it by the types of its values.
//!
//! A function that its author declared stable or immutable is looked through, too, wherever it stands: the server keeps it from writing
//! itself, but not from calling one that does. What stays hidden: such a function in C, whose author is believed. A volatile one behind
//! these counts as reading where its body says no command at all, for a function is volatile unless its author says otherwise.
//!
//! A function that is called with fewer arguments computes their defaults, which the caller's text does not show either. What a foreign
//! table does on its server nobody here can see: postgres_fdw's transaction there may write, whatever ours may.
//!
//! Planning runs functions that the statement does not name: in expressions of indexes, statistics, checks and defaults. They count.
//!
//! The server's own is what initdb made, wherever it stands, and nothing that somebody put into its schemas or over it since: see [`INITDB`].

mod queries;
mod said;

pub(super) use queries::{INITDB, KNOWN_READER, VOLATILE};
pub(super) use said::{after_dots, called, calls_of};

use super::catalog::{pinned, writing_functions};
use crate::engine::{Session, Writer};
use crate::model::rows::Table;
use crate::model::{Dialect, Result};
use crate::sql::{self, Class};
use queries::{ANYTHING, LOOK, REACHED, whole};
use said::{ESCAPES, Said, list, says_command};
use std::collections::BTreeSet;

/// Views that are followed before the look-up gives up (and refuses).
const MOST_VIEWS: usize = 200;

/// What can be done about a function that may write.
pub(super) const FUNCTIONS: &str = "A function counts as reading when the catalogue declares it stable or immutable and all that its body calls does so, too: where that \
     is true, ALTER FUNCTION … STABLE says it. What cannot be proven runs on an open target, as it is.";
/// Likewise about a foreign table.
const FOREIGN_TABLE: &str =
    "What a foreign table sets off on its server cannot be seen from here: read it there, or on an open target, where it runs as it is.";

/// What may write behind `text` when it is run, beside what it says itself: a read, or a change of rows.
pub(super) async fn writer(s: &Session, text: &str) -> Result<Option<Writer>> {
    Look::default().through(s, text, false).await
}

/// What may write when `text`, a statement that writes, is only planned: planning runs functions that are declared
/// stable or immutable, and those that compare values for its estimates.
pub(super) async fn planner(s: &Session, text: &str) -> Result<Option<Writer>> {
    Look::default().through(s, text, true).await
}

/// A text that waits to be looked through.
struct Waiting {
    text: String,
    /// A function's body, which converts whatever it puts into its variables.
    body: bool,
}

#[derive(Default)]
struct Look {
    seen: BTreeSet<String>,
    /// Texts that are only planned: volatile functions in them are not run.
    idle: Vec<Waiting>,
    /// Texts that are run.
    run: Vec<Waiting>,
    /// Functions' bodies and the like that will be run, and what they call.
    bodies: Vec<(String, Vec<String>)>,
    /// All that was said at any level.
    all: Said,
    /// Whether operators, classes or casts may be in it.
    maybe: bool,
    /// What called something that was looked through, and stands in no text: casts, operators and the like.
    unnamed: BTreeSet<String>,
    /// Something is run: of a read everything, of a plan the bodies that planning runs.
    runs: bool,
}

impl Look {
    async fn through(mut self, s: &Session, text: &str, planned: bool) -> Result<Option<Writer>> {
        self.runs = !planned;
        if let Err(why) = called(text)
            && why == ESCAPES
        {
            return Ok(Some(Writer { why: format!("it {why}"), way_out: FUNCTIONS }));
        }
        // A write's defaults and rules are planned with it, and no name leads there.
        if !planned || sql::classify(Dialect::Postgres, text).class == Class::Read {
            let mut said = Said::default();
            said.gather(text);
            let [names, _, calls, ..] = said.params(false);
            if ask(s, &whole(ANYTHING), &[names, calls]).await?.rows.is_empty() {
                return Ok(None);
            }
        }
        let first = Waiting { text: text.to_string(), body: false };
        if planned { &mut self.idle } else { &mut self.run }.push(first);
        let (look, reached) = (whole(LOOK), whole(REACHED));
        loop {
            let idle = !self.idle.is_empty();
            let level = std::mem::take(if idle { &mut self.idle } else { &mut self.run });
            let (found, idle) = if !level.is_empty() {
                self.runs |= !idle;
                let mut said = Said::default();
                for w in level {
                    for said in [&mut said, &mut self.all] {
                        said.gather(&w.text);
                        said.converts |= w.body;
                    }
                }
                let [names, operators, calls, planned, _] = said.params(idle);
                (ask(s, &look, &[names, operators, calls, planned, list(&said.places)]).await?, idle)
            } else if std::mem::take(&mut self.maybe) {
                let idle = !self.runs;
                (ask(s, &reached, &self.all.params(idle)).await?, idle)
            } else {
                return Ok(None);
            };
            for row in &found.rows {
                let cell = |i: usize| row.get(i).and_then(Option::as_deref).unwrap_or("");
                if let Some(why) = self.answer(s, idle, cell(0), cell(1), cell(2)).await? {
                    let unsaid: Vec<&str> = self.unnamed.iter().map(String::as_str).filter(|w| !why.contains(w)).take(3).collect();
                    let by = if unsaid.is_empty() { String::new() } else { format!(" (called by the {})", unsaid.join(", or the ")) };
                    let way_out = if cell(0).starts_with("foreign table ") { FOREIGN_TABLE } else { FUNCTIONS };
                    return Ok(Some(Writer { why: why + &by, way_out }));
                }
                if !cell(3).is_empty() {
                    self.unnamed.insert(cell(3).to_string());
                }
            }
            if let Some(why) = self.own_calls(s).await? {
                return Ok(Some(Writer { why, way_out: FUNCTIONS }));
            }
        }
    }

    /// The server's own functions that new bodies call. Users' are found at the next level; what is no function at all (`AS t(a)`) is found
    /// nowhere.
    async fn own_calls(&mut self, s: &Session) -> Result<Option<String>> {
        let bodies = std::mem::take(&mut self.bodies);
        if bodies.is_empty() {
            return Ok(None);
        }
        let all: BTreeSet<String> = bodies.iter().flat_map(|(_, calls)| calls.iter().cloned()).collect();
        let known: BTreeSet<&str> = sql::functions::known(Dialect::Postgres).collect();
        let own = ask(s, VOLATILE, &[list(&all)]).await?;
        let writes: BTreeSet<&str> = own.rows.iter().filter_map(|r| r.first()?.as_deref()).filter(|f| !known.contains(f)).collect();
        let found = bodies.iter().find_map(|(who, calls)| calls.iter().find(|c| writes.contains(c.as_str())).map(|f| (who, f)));
        Ok(found.map(|(who, f)| format!("the {who} calls {f}, which may write")))
    }

    /// Takes one line of an answer; a sentence when it may write.
    async fn answer(&mut self, s: &Session, idle: bool, what: &str, who: &str, text: &str) -> Result<Option<String>> {
        match what {
            "maybe" => self.maybe = true,
            "escapes" => return Ok(Some(format!("the {who} has a setting of its own by which its strings are read, so it may write"))),
            "foreign" => return Ok(Some(format!("the {who} is written in a language that may do anything, so it may write"))),
            what => {
                let volatile = !matches!(what, "view" | "text" | "body" | "inlined");
                if volatile && (text.is_empty() || says_command(text)) {
                    return Ok(Some(match what {
                        "calls" => format!("the {who} may write"),
                        what => format!("the {what} calls the {who}, which may write"),
                    }));
                }
                let what = if volatile { "body" } else { what };
                // What was planned may be run by another way.
                let mark = if what == "body" || !idle { who.to_string() } else { format!("{who} as planned") };
                if !self.seen.insert(mark) {
                    return Ok(None);
                }
                if self.seen.len() > MOST_VIEWS {
                    return Ok(Some(format!("more than {MOST_VIEWS} views and functions stand behind it, too many to look through")));
                }
                let idle = idle && what != "body";
                let body = matches!(what, "body" | "inlined");
                if body && text.contains('\\') && s.status().reading.backslash {
                    return Ok(Some(format!("the {who} holds a backslash, which this session takes for an escape, so it may write")));
                }
                if what == "view" && !idle {
                    let verdict = sql::classify(Dialect::Postgres, text);
                    if verdict.class != Class::Read {
                        return Ok(Some(format!("the {who} may write: {}", verdict.reason)));
                    }
                    if let Some(f) = writing_functions(s, &verdict.functions).await?.into_iter().next() {
                        return Ok(Some(format!("the {who} calls {f}, which may write")));
                    }
                } else if what != "view" {
                    let calls = match called(text) {
                        Err(why) if what != "text" => return Ok(Some(format!("the {who} {why}, which may write"))),
                        Ok(calls) => calls,
                        Err(_) => calls_of(text),
                    };
                    if !idle {
                        self.bodies.push((who.to_string(), calls));
                    }
                }
                if idle { &mut self.idle } else { &mut self.run }.push(Waiting { text: text.to_string(), body });
            }
        }
        Ok(None)
    }
}

/// Asks with names pinned: a search path may put a user's operators before the server's. The many joins would be compiled by the server
/// (`jit`) for seconds, too.
async fn ask(s: &Session, text: &str, params: &[String]) -> Result<Table> {
    pinned(s, text, &params.iter().map(String::as_str).collect::<Vec<_>>()).await
}
