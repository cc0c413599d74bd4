//! One statement at a time over a connection: extended protocol with text results, streamed in bounded memory.
//!
//! Every statement is parsed alone (`Parse`), so the server itself refuses text that holds more than one. What has to
//! stand around it (a read-only transaction, a savepoint, settings) goes out in the same write: no further round trip.

use super::answer::{AGAIN, Run, Stage, row_description};
use super::cancel::Control;
use super::connect::{Dialer, Started, plain};
use super::fault::Report;
use super::types::{self, Types};
use super::wire::Wire;
use crate::engine::session::{EFFECT_NOT_KNOWN, Event, Outcome, RowStream};
use crate::model::rows::Table;
use crate::model::{Error, Kind, Notice, Param, Reading, Result, TxState};
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How a statement ended, not yet told to its reader: the session's state is published first.
pub(super) struct Ending {
    events: mpsc::Sender<Result<Event>>,
    pub last: Result<Event>,
    pub lost: Option<Lost>,
}

impl Ending {
    pub async fn tell(self) {
        let _ = self.events.send(self.last).await;
    }
}

/// The connection is gone; the error says how.
#[derive(Debug, Clone)]
pub(super) struct Lost(pub Error);

/// A statement with what stands around it.
#[derive(Default)]
pub(super) struct Job<'a> {
    /// Statements without a result before it, in the same message group: when one fails, the statement is never run.
    pub prelude: Vec<String>,
    /// What we put before the user's text (`EXPLAIN …`), in characters.
    pub before: usize,
    pub text: &'a str,
    pub params: &'a [Param],
    /// Types that the parameters are declared with; 0, or none: the server finds it.
    pub declared: &'a [u32],
    /// It is only described: see [`Link::describe`].
    pub describes: bool,
    /// What `COPY … FROM STDIN` reads.
    pub data: Option<&'a str>,
    /// Run afterwards whether or not the statement failed.
    pub coda: Vec<&'static str>,
}

impl<'a> Job<'a> {
    pub fn plain(text: &'a str) -> Self {
        Job { text, ..Job::default() }
    }
}

/// A connection that stands, with what the server said of it.
pub(super) struct Link {
    wire: Wire,
    pub control: Arc<Control>,
    pub tx: TxState,
    /// What the server reports of its settings, as they are now.
    pub parameters: BTreeMap<String, String>,
    pub types: Types,
    pub round_trip: Option<Duration>,
    /// The server's last words.
    fatal: Option<String>,
    /// What it says while nothing of the user runs.
    unasked: mpsc::Sender<Notice>,
    /// Of that, what nobody took in time.
    missed: u64,
}

/// So much of what the server says unasked waits to be taken; what comes beyond is counted and told.
pub(super) const UNASKED: usize = 256;

/// Rows after which the first batch goes out, so that a result shows at once.
const FIRST: usize = 64;
/// How long later rows may wait for company.
const LINGER: Duration = Duration::from_millis(100);

impl Link {
    /// How the session reads strings now; the server reports each change.
    pub fn reading(&self) -> Reading {
        Reading::postgres(self.parameters.get("standard_conforming_strings").is_none_or(|v| v != "off"))
    }

    pub fn new(started: Started, dialer: Arc<Dialer>, unasked: mpsc::Sender<Notice>) -> Link {
        let Started { wire, process, secret, parameters } = started;
        let control = Control::new(dialer, process, secret);
        let (tx, types) = (TxState::Idle, Types::unread());
        Link { wire, control: Arc::new(control), tx, parameters, types, round_trip: None, fatal: None, unasked, missed: 0 }
    }

    /// Hands on what the server said unasked; never waits for whoever takes it.
    fn tell(&mut self, notice: Notice) {
        if self.missed > 0 {
            let message = format!("{} more came faster than they could be shown", self.missed);
            let lost = Notice { severity: "NOTIFY".into(), message, detail: None, hint: None };
            if self.unasked.try_send(lost).is_ok() {
                self.missed = 0;
            }
        }
        if let Err(mpsc::error::TrySendError::Full(_)) = self.unasked.try_send(notice) {
            self.missed += 1;
        }
    }

    fn lost(&mut self, e: &std::io::Error) -> Lost {
        let why = self.fatal.take().unwrap_or_else(|| plain(e));
        Lost(Error::connect(format!("the connection to {} is lost: {why}", self.control.dialer.address)))
    }

    /// Waits while nothing runs. Returns only when the connection is gone.
    pub async fn idle(&mut self) -> Lost {
        loop {
            loop {
                match self.wire.ready() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(e) => return self.lost(&e),
                }
                match self.wire.take() {
                    Ok(Message::ErrorResponse(body)) => {
                        let r = Report::read(body.fields());
                        if r.fatal() {
                            self.fatal = Some(r.message);
                        }
                    }
                    Ok(Message::NoticeResponse(body)) => self.tell(Report::read(body.fields()).notice()),
                    Ok(Message::NotificationResponse(body)) => {
                        if let Some(n) = notification(&body) {
                            self.tell(n);
                        }
                    }
                    Ok(Message::ParameterStatus(body)) => self.parameter(&body),
                    Ok(_) => {}
                    Err(e) => return self.lost(&e),
                }
            }
            if let Err(e) = self.wire.fill().await {
                return self.lost(&e);
            }
        }
    }

    fn parameter(&mut self, body: &postgres_protocol::message::backend::ParameterStatusBody) {
        if let (Ok(name), Ok(value)) = (body.name(), body.value()) {
            self.parameters.insert(name.into(), value.into());
        }
    }

    /// Ends the session politely.
    pub async fn terminate(&mut self) {
        frontend::terminate(&mut self.wire.out);
        let _ = tokio::time::timeout(Duration::from_secs(1), self.wire.flush()).await;
    }

    /// Runs a job and collects its result: for our own statements.
    pub async fn fetch(&mut self, job: Job<'_>) -> Result<Result<Table>, Lost> {
        let (events, rx) = mpsc::channel(4);
        let collect = RowStream::new(rx).table();
        let run = async {
            let ending = self.run(job, events, false).await;
            let lost = ending.lost.clone();
            ending.tell().await;
            lost
        };
        match futures_util::future::join(run, collect).await {
            (None, collected) => Ok(collected),
            (Some(lost), _) => Err(lost),
        }
    }

    fn write_statement(&mut self, text: &str, params: &[Param], declared: &[u32], describe: bool) -> std::io::Result<()> {
        let out = &mut self.wire.out;
        frontend::parse("", text, declared.iter().copied(), out)?;
        let text_format = 0i16;
        let bound = frontend::bind(
            "",
            "",
            std::iter::empty(),
            params,
            |p: &Param, buf| {
                match p {
                    Param::Null => return Ok(postgres_protocol::IsNull::Yes),
                    Param::Text(v) | Param::Number(v) | Param::Literal(v) => buf.extend_from_slice(v.as_bytes()),
                    Param::TextBytes(b) => buf.extend_from_slice(b),
                    // bytea's text form.
                    Param::Bytes(b) => {
                        buf.extend_from_slice(b"\\x");
                        buf.extend_from_slice(hex::encode(b).as_bytes());
                    }
                }
                Ok(postgres_protocol::IsNull::No)
            },
            Some(text_format),
            out,
        );
        bound.map_err(|e| match e {
            frontend::BindError::Conversion(e) => std::io::Error::other(e),
            frontend::BindError::Serialization(e) => e,
        })?;
        if describe {
            frontend::describe(b'P', "", out)?;
        }
        frontend::execute("", 0, out)
    }

    /// Writes the whole job; returns how many answers (`ReadyForQuery`) it will get before that of the statement itself.
    fn write(&mut self, job: &Job<'_>, read_types: bool) -> std::io::Result<()> {
        if read_types {
            self.write_statement(types::QUERY, &[], &[], false)?;
            frontend::sync(&mut self.wire.out);
        }
        for p in &job.prelude {
            self.write_statement(p, &[], &[], false)?;
        }
        if job.describes {
            frontend::parse("", job.text, job.declared.iter().copied(), &mut self.wire.out)?;
            frontend::describe(b'S', "", &mut self.wire.out)?;
        } else {
            self.write_statement(job.text, job.params, job.declared, true)?;
        }
        frontend::sync(&mut self.wire.out);
        for c in &job.coda {
            self.write_statement(c, &[], &[], false)?;
            frontend::sync(&mut self.wire.out);
        }
        Ok(())
    }

    /// Runs a job and sends what happens to `events`, all but the last event.
    pub async fn run(&mut self, job: Job<'_>, events: mpsc::Sender<Result<Event>>, with_types: bool) -> Ending {
        let read_types = with_types && self.types.stale && self.tx == TxState::Idle;
        if self.write(&job, read_types).is_err() {
            // Nothing was sent. The protocol ends texts with a zero byte.
            self.wire.out.clear();
            let zero = Error::new(Kind::Statement, "the statement or a parameter holds a zero byte, which PostgreSQL cannot take");
            return Ending { events, last: Err(zero), lost: None };
        }
        let rolled_back = job.coda.first() == Some(&"ROLLBACK");
        let mut run = Run::new(events, job.prelude.len(), job.coda.len());
        run.stage = if read_types { Stage::Types } else { Stage::Main };
        run.users = with_types;
        let (result, asked) = self.answer(&mut run, &job).await;
        match result {
            Ok(()) => {
                run.flush().await;
                let last = match run.error {
                    Some(e) if asked && e.code.as_deref() == Some("57014") => {
                        Err(Error { kind: Kind::Cancelled, message: "cancelled".into(), ..e })
                    }
                    Some(e) => Err(e),
                    None => {
                        let tag = run.tag.unwrap_or_default();
                        if ["CREATE", "ALTER", "DROP"].iter().any(|w| tag.starts_with(w)) {
                            self.types.stale = true;
                        }
                        Ok(Event::Done(Outcome { affected: affected(&tag), tag, elapsed: run.elapsed, rolled_back, cut_short: false }))
                    }
                };
                Ending { events: run.events, last, lost: None }
            }
            Err(lost) => {
                let told = lost.0.clone().hint(EFFECT_NOT_KNOWN);
                Ending { events: run.events, last: Err(told), lost: Some(lost) }
            }
        }
    }

    /// Sends what was written, and reads the answers to it; with whether a cancel was asked for meanwhile.
    async fn answer(&mut self, run: &mut Run, job: &Job<'_>) -> (Result<(), Lost>, bool) {
        self.control.begin();
        let sent = Instant::now();
        let result = match self.wire.flush().await {
            Ok(()) => self.read(run, job, sent).await,
            // The server may have said why before it went.
            Err(e) => match self.read(run, job, sent).await {
                Ok(()) => Err(self.lost(&e)),
                lost => lost,
            },
        };
        (result, self.control.end().await)
    }

    /// The types that a statement's parameters have when some are declared; `None` where the server cannot read it so. Nothing is run. What
    /// the server says beside its answer it says again when the statement is run.
    pub async fn describe(&mut self, job: Job<'_>, events: mpsc::Sender<Result<Event>>) -> Result<Result<Option<Vec<u32>>>, Lost> {
        let job = Job { describes: true, ..job };
        if self.write(&job, false).is_err() {
            self.wire.out.clear();
            return Ok(Ok(None));
        }
        let mut run = Run::new(events, job.prelude.len(), job.coda.len());
        run.described = Some(Vec::new());
        let (result, asked) = self.answer(&mut run, &job).await;
        result?;
        Ok(match run.error {
            _ if asked => Err(Error::cancelled()),
            Some(_) => Ok(None),
            None => Ok(run.described),
        })
    }

    /// Sends the data of a COPY and its end; the server takes it in pieces of any size, and is heard between them: a trigger may have
    /// something to say for each row. Once it has failed the rest is not sent.
    async fn copy_in(&mut self, data: &str, run: &mut Run) -> std::io::Result<()> {
        for piece in data.as_bytes().chunks(64 * 1024) {
            frontend::CopyData::new(piece)?.write(&mut self.wire.out);
            self.wire.flush_reading().await?;
            while let Some(tag) = self.wire.ready()? {
                if !matches!(tag, b'N' | b'A' | b'S') {
                    // Only an error comes here, which the reader takes: behind it the server skips all up to the Sync.
                    return Ok(());
                }
                let message = self.wire.take()?;
                self.aside(run, message).await;
            }
            run.check(&self.control);
        }
        frontend::copy_done(&mut self.wire.out);
        Ok(())
    }

    /// Takes what the server says beside an answer.
    async fn aside(&mut self, run: &mut Run, message: Message) {
        match message {
            Message::NoticeResponse(_) if run.described.is_some() => {}
            Message::NoticeResponse(body) => run.notice(Report::read(body.fields()).notice()).await,
            Message::NotificationResponse(body) => {
                let Some(n) = notification(&body) else { return };
                // Between statements of ours, and behind one of the user's, nobody hears what belongs to a statement.
                if run.users && run.stage != Stage::Coda {
                    run.notice(n).await;
                } else {
                    self.tell(n);
                }
            }
            Message::ParameterStatus(body) => self.parameter(&body),
            _ => {}
        }
    }

    /// Reads until the job's last ReadyForQuery.
    async fn read(&mut self, run: &mut Run, job: &Job<'_>, sent: Instant) -> Result<(), Lost> {
        let mut answered = false;
        loop {
            let tag = match self.wire.ready() {
                Ok(Some(tag)) => tag,
                Ok(None) => {
                    self.wait(run).await?;
                    continue;
                }
                Err(e) => return Err(self.lost(&e)),
            };
            if !answered {
                answered = true;
                self.round_trip = Some(sent.elapsed());
            }
            // Rows are taken out of the buffer in place: this is the path that large results go.
            if tag == b'D' {
                let good = run.row(self.wire.body());
                self.wire.skip();
                if !good {
                    let e = std::io::Error::new(std::io::ErrorKind::InvalidData, "a row of the result is malformed");
                    return Err(self.lost(&e));
                }
                if run.batch.is_full() || run.first && run.batch.rows() >= FIRST {
                    run.flush().await;
                    run.check(&self.control);
                }
                continue;
            }
            if tag == b'T' {
                let fields = row_description(self.wire.body());
                self.wire.skip();
                let Some(fields) = fields else {
                    let e = std::io::Error::new(std::io::ErrorKind::InvalidData, "the description of the result is malformed");
                    return Err(self.lost(&e));
                };
                if run.stage == Stage::Main && run.described.is_none() {
                    run.columns(&fields, &mut self.types, &self.parameters).await;
                }
                continue;
            }
            let message = match self.wire.take() {
                Ok(m) => m,
                Err(e) => return Err(self.lost(&e)),
            };
            match message {
                Message::CommandComplete(body) if run.stage == Stage::Main => {
                    if run.wanted > 0 {
                        run.wanted -= 1;
                    } else {
                        run.tag = Some(body.tag().unwrap_or_default().to_string());
                    }
                }
                Message::ErrorResponse(body) => {
                    let r = Report::read(body.fields());
                    if r.fatal() {
                        self.fatal = Some(r.message.clone());
                    }
                    // The first error counts: after it, everything up to the Sync is skipped.
                    if run.stage != Stage::Types && run.error.is_none() {
                        let mine = run.stage == Stage::Main && run.wanted == 0;
                        let mut e = r.error(if mine { job.text_of_user() } else { "" }, job.before);
                        if run.copy_in {
                            e = Error::new(Kind::Statement, "COPY … FROM STDIN needs data that this session cannot give")
                                .hint("Its lines may follow it in the text, ended by a line \\. alone; a file is imported by `holdpoint import`, or \\copy.");
                        }
                        run.error = Some(e);
                    }
                }
                aside @ (Message::NoticeResponse(_) | Message::NotificationResponse(_) | Message::ParameterStatus(_)) => {
                    self.aside(run, aside).await;
                }
                Message::ParameterDescription(body) => {
                    if let Some(types) = &mut run.described {
                        *types = body.parameters().collect().unwrap_or_default();
                    }
                }
                Message::CopyInResponse(_) => {
                    // The Sync that went with the statement was eaten by the copy mode: one more closes the group.
                    let sent = match job.data.filter(|_| run.stage == Stage::Main && run.wanted == 0) {
                        Some(data) => self.copy_in(data, run).await,
                        None => {
                            run.copy_in = true;
                            frontend::copy_fail("Holdpoint has no data to send", &mut self.wire.out)
                        }
                    };
                    frontend::sync(&mut self.wire.out);
                    if let Err(e) = sent {
                        return Err(self.lost(&e));
                    }
                    if let Err(e) = self.wire.flush().await {
                        return Err(self.lost(&e));
                    }
                }
                Message::CopyOutResponse(body) => run.copy_out(body.format() != 0).await,
                Message::CopyData(body) if run.stage == Stage::Main => {
                    run.copied(body.data());
                    if run.batch.is_full() {
                        run.flush().await;
                        run.check(&self.control);
                    }
                }
                Message::ReadyForQuery(body) => {
                    self.tx = match body.status() {
                        b'T' => TxState::Open,
                        b'E' => TxState::Failed,
                        _ => TxState::Idle,
                    };
                    match run.stage {
                        Stage::Types => {
                            self.types.replace(&run.types);
                            run.types.clear();
                            run.stage = Stage::Main;
                        }
                        Stage::Main => {
                            run.elapsed = sent.elapsed();
                            run.flush().await;
                            run.stage = Stage::Coda;
                            if run.coda_left == 0 {
                                return Ok(());
                            }
                        }
                        Stage::Coda => {
                            run.coda_left -= 1;
                            if run.coda_left == 0 {
                                return Ok(());
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Waits for bytes; hands over what is there first, and notices a reader that went away.
    async fn wait(&mut self, run: &mut Run) -> Result<(), Lost> {
        if run.first && !run.batch.is_empty() {
            run.flush().await;
        }
        run.check(&self.control);
        let filled = if !run.batch.is_empty() {
            match tokio::time::timeout(LINGER, self.wire.fill()).await {
                Ok(r) => r,
                Err(_) => {
                    run.flush().await;
                    return Ok(());
                }
            }
        } else if run.abandoned || self.control.asked() {
            match tokio::time::timeout(AGAIN, self.wire.fill()).await {
                Ok(r) => r,
                Err(_) => return Ok(()),
            }
        } else {
            tokio::select! {
                r = self.wire.fill() => r,
                () = run.events.closed() => return Ok(()),
                () = self.control.wanted() => return Ok(()),
            }
        };
        filled.map_err(|e| self.lost(&e))
    }
}

/// A notification in words; `None` when it cannot be read.
fn notification(body: &postgres_protocol::message::backend::NotificationResponseBody) -> Option<Notice> {
    let message = match (body.channel(), body.message()) {
        (Ok(c), Ok("")) => c.to_string(),
        (Ok(c), Ok(m)) => format!("{c}: {m}"),
        _ => return None,
    };
    Some(Notice { severity: "NOTIFY".into(), message, detail: Some(format!("from process {}", body.process_id())), hint: None })
}

impl Job<'_> {
    /// The user's text, without what we put before it.
    fn text_of_user(&self) -> &str {
        self.text.char_indices().nth(self.before).map_or("", |(i, _)| &self.text[i..])
    }
}

/// Rows that a write changed, from its command tag.
fn affected(tag: &str) -> Option<u64> {
    let mut words = tag.split(' ');
    match words.next()? {
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "COPY" => words.next_back()?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_count_writes_only() {
        assert_eq!(affected("INSERT 0 5"), Some(5));
        assert_eq!(affected("UPDATE 3"), Some(3));
        assert_eq!(affected("SELECT 20"), None);
        assert_eq!(affected("CREATE TABLE"), None);
        assert_eq!(affected(""), None);
    }
}
