//! Running a statement again and again to measure it: one way or two ways by turns, each run on the safe path of a measured plan
//! (proven to read, in a read-only transaction that is rolled back, with limits, cancelled on the server). What the runs say is
//! `plan::measure`'s.

use super::cancelling::{cancelled, unless_cancelled};
use super::explain::{LONGEST, heavy, proven};
use super::{Connection, Cx};
use crate::config::Target;
use crate::engine::{Access, Asked, Connect, Role, Session, fingerprint};
use crate::model::plan::Plan;
use crate::model::{Error, Result};
use crate::plan::measure::{self, Judgement, LEAST, MOST, Pairing, Sample};
use std::time::{Duration, Instant};

/// One way to run a statement: where, and with which planner settings. Made only of what is proven to read.
pub struct Arm {
    /// For sentences: `without the index`.
    name: String,
    session: Session,
    text: String,
    settings: Vec<(String, String)>,
    target: Target,
    /// On a copy only: statements that go before each run, and such that go before it in its transaction.
    turn: Vec<String>,
    first: Vec<String>,
    writes: bool,
}

/// See [`Effort::quick`].
const QUICK: Duration = Duration::from_secs(10);

/// How often and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Runs of each arm, at least; fewer only when the time is over.
    pub least: usize,
    /// Runs of a single arm, at least, where all of them take no longer than [`QUICK`].
    pub quick: usize,
    pub most: usize,
    /// No further run is begun after this.
    pub time: Duration,
    /// Also when the server expects a high cost or is busy (`analyze_cost`, `analyze_load` of the target).
    pub anyway: bool,
}

impl Default for Effort {
    fn default() -> Self {
        Effort { least: LEAST, quick: LEAST, most: MOST, time: Duration::from_secs(120), anyway: false }
    }
}

/// Runs of one arm.
pub struct Runs {
    pub samples: Vec<Sample>,
    /// Of the run before the counted ones, with the times of its nodes.
    pub plan: Plan,
    /// True when the time was over before the runs were enough.
    pub cut_short: bool,
}

/// Runs of two arms by turns.
pub struct Duel {
    pub before: Runs,
    pub after: Runs,
    pub judgement: Judgement,
}

impl Arm {
    /// A statement on a session of its own (`None`: a new read-only one), with planner settings from `plan::switches`. The text holds
    /// its values already. A session that writes is left with what was rolled back to.
    pub async fn new(
        conn: &Connection,
        session: Option<Session>,
        name: impl Into<String>,
        text: &str,
        settings: Vec<(String, String)>,
    ) -> Result<Arm> {
        conn.engine().plans().get()?;
        let text = proven(conn, text, true).await?.to_string();
        let session = match session {
            Some(s) => s,
            None => {
                let how =
                    Connect { statement_timeout: Some(LONGEST), place: conn.place(), ..Connect::new(Role::Background, Access::ReadOnly) };
                conn.engine().connect(how).await?
            }
        };
        let (turn, first, target) = (Vec::new(), Vec::new(), conn.target().clone());
        Ok(Arm { name: name.into(), session, text, settings, target, turn, first, writes: false })
    }

    /// A statement on a session that may write, of a private copy: with what hides an index from it, or one that writes itself and is
    /// rolled back.
    pub(in crate::ops) fn on_copy(copy: &Connection, session: Session, name: &str, text: &str, writes: bool) -> Arm {
        let (turn, first, settings) = (Vec::new(), Vec::new(), Vec::new());
        Arm { name: name.into(), session, text: text.to_string(), settings, target: copy.target().clone(), turn, first, writes }
    }
    /// Runs these before each run.
    pub(in crate::ops) fn turning(mut self, statements: Vec<String>) -> Arm {
        self.turn = statements;
        self
    }
    /// Runs these before each run in its transaction.
    pub(in crate::ops) fn after(mut self, statements: Vec<String>) -> Arm {
        self.first = statements;
        self
    }

    pub fn name(&self) -> &str {
        &self.name
    }
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The plan without a run.
    pub async fn estimate(&self) -> Result<Plan> {
        for sql in &self.turn {
            self.session.fetch(sql.as_str()).await?;
        }
        let (settings, first) = (self.settings.clone(), self.first.clone());
        self.session.explain_as(self.text.as_str(), Asked { settings, first, ..Asked::new(false) }).await
    }

    /// What is expected to take long, or a server that is busy, is left alone unless the effort says otherwise.
    pub(in crate::ops) async fn admitted(&self, effort: Effort) -> Result<()> {
        if effort.anyway {
            return Ok(());
        }
        match heavy(&self.target, &self.estimate().await?) {
            None => Ok(()),
            Some(why) => Err(Error::held(format!("the statement is not measured: {why}"))
                .hint("`holdpoint explain … --anyway` runs it all the same: it reads only, and Ctrl-C ends it on the server.")),
        }
    }

    /// One run.
    async fn run(&self, cx: &Cx, node_times: bool) -> Result<Plan> {
        for sql in &self.turn {
            self.session.fetch(sql.as_str()).await?;
        }
        let (settings, first, writes) = (self.settings.clone(), self.first.clone(), self.writes);
        let asked = Asked { node_times, settings, first, writes, ..Asked::new(true) };
        tokio::select! {
            biased;
            plan = self.session.explain_as(self.text.as_str(), asked) => plan,
            () = cancelled(cx, &self.session) => Err(Error::cancelled()),
        }
        .map_err(|e| match e.code.as_deref() {
            Some("57014" | "1969" | "3024") if e.kind != crate::model::Kind::Cancelled => {
                e.hint(format!("The limit is Holdpoint's own: a run that is measured may take {}.", crate::text::duration(LONGEST)))
            }
            _ => e,
        })
    }

    /// How many rows it returns, and their hash, whatever their order.
    pub(in crate::ops) async fn answer(&self, cx: &Cx) -> Result<(u64, String)> {
        cx.progress.update(&format!("comparing the rows of {}", self.name), 0, None);
        unless_cancelled(cx, &self.session, async { fingerprint::rows(self.session.run(self.text.as_str()).await?, &cx.cancel).await })
            .await
    }

    async fn sample(&self, cx: &Cx) -> Result<Sample> {
        let plan = self.run(cx, false).await?;
        Sample::of(&plan).ok_or_else(|| Error::failed(format!("the server told no time for a run {}", crate::text::clean(&self.name))))
    }
}

/// Runs one arm: once to warm up, then as often as it takes to know its median.
pub async fn alone(cx: &Cx, arm: &Arm, effort: Effort) -> Result<Runs> {
    arm.admitted(effort).await?;
    let begun = Instant::now();
    let plan = arm.run(cx, true).await?;
    // By the run that is not counted: a number that the counted ones had a say in would be another one where they were slow.
    let quick = begun.elapsed() * u32::try_from(effort.quick).unwrap_or(u32::MAX) <= QUICK;
    let least = if quick { effort.quick.max(effort.least) } else { effort.least };
    let most = effort.most.max(least);
    let mut samples = Vec::new();
    let mut cut_short = false;
    while samples.len() < most && !(samples.len() >= least && measure::settled_alone(&samples)) {
        if begun.elapsed() >= effort.time && !samples.is_empty() {
            cut_short = true;
            break;
        }
        cx.check_cancelled()?;
        cx.progress.update(&format!("measuring {}", arm.name), samples.len() as u64, Some(most as u64));
        samples.push(arm.sample(cx).await?);
    }
    Ok(Runs { samples, plan, cut_short })
}

/// Runs two arms by turns, each once to warm up; the one that goes first changes, so that neither always finds the other's pages.
pub async fn by_turns(cx: &Cx, before: &Arm, after: &Arm, effort: Effort) -> Result<Duel> {
    before.admitted(effort).await?;
    after.admitted(effort).await?;
    let begun = Instant::now();
    let plans = (before.run(cx, true).await?, after.run(cx, true).await?);
    let (mut b, mut a) = (Vec::new(), Vec::new());
    let mut cut_short = false;
    while b.len() < effort.most && !(b.len() >= effort.least && measure::settled(&b, &a)) {
        if begun.elapsed() >= effort.time && !b.is_empty() {
            cut_short = true;
            break;
        }
        cx.check_cancelled()?;
        cx.progress.update("measuring by turns", b.len() as u64, Some(effort.most as u64));
        if b.len() % 2 == 0 {
            b.push(before.sample(cx).await?);
            a.push(after.sample(cx).await?);
        } else {
            a.push(after.sample(cx).await?);
            b.push(before.sample(cx).await?);
        }
    }
    let judgement = measure::judge(&b, &a, Pairing::Alternating).ok_or_else(|| Error::failed("nothing was measured"))?;
    let runs = |samples, plan| Runs { samples, plan, cut_short };
    Ok(Duel { before: runs(b, plans.0), after: runs(a, plans.1), judgement })
}
