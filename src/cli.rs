//! The command line: the same operations, gate and journal as the console. Data on standard output, everything else on
//! standard error; the exit code says how it ended.

mod advice;
mod args;
mod assess;
mod backup;
mod checklist;
mod connect;
mod demo;
mod evidence;
mod explain;
mod habits;
mod history;
mod import;
mod journal;
mod locks;
mod manual;
mod migrate;
mod open;
mod output;
mod plan_test;
mod query;
mod recover;
mod schema;
mod what_if;

use crate::model::{Error, Kind, Result};
use crate::ops::Cx;
use crate::plan::share::Constants;
use clap::{CommandFactory, Parser};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

pub use args::{Cli, Command, Format, RowFormat};

/// How long the first Ctrl-C has to reach the server before a second one ends the process.
const DELIVERY: std::time::Duration = std::time::Duration::from_secs(3);

/// Parses the arguments, runs the operation, and turns its outcome into the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // A plugin that was called wrongly is no alarm.
        Err(e) if e.use_stderr() && std::env::args_os().any(|a| a == "--nagios") => {
            let words = e.to_string();
            let first: Vec<&str> = words.lines().map(str::trim).take_while(|l| !l.is_empty()).collect();
            let first = first.join(" ");
            return assess::nagios::failed(
                &Error::usage(first.trim_start_matches("error: ")).hint("`holdpoint assess --help` tells how it is called."),
            );
        }
        Err(e) => e.exit(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(r) => r,
        Err(e) => return fail(&Error::io("starting the runtime", e)),
    };
    let outcome = runtime.block_on(run(cli));
    // What still runs (a cancelled job, a reader of standard input) must not keep the process alive.
    runtime.shutdown_background();
    // Nor do its tunnels outlive it: what holds them may not be dropped any more.
    crate::engine::tunnel::close_all();
    match outcome {
        Ok(code) => code,
        Err(e) => fail(&e),
    }
}

/// The command line's definition, for the manual and the tests.
pub fn definition() -> clap::Command {
    Cli::command()
}

/// A bare word is a target; one that is none may be a command that was mistyped.
fn command_meant(word: &str) -> String {
    let definition = definition();
    let names = definition.get_subcommands().map(clap::Command::get_name);
    match crate::config::toml_file::nearest(word, names) {
        Some(name) => format!("If you meant the command: `holdpoint {name}`."),
        None => "`holdpoint --help` lists the commands.".into(),
    }
}

async fn run(cli: Cli) -> Result<ExitCode> {
    let Some(command) = cli.command else {
        let opened = open::open(cli.config.as_deref(), cli.target.as_deref(), cli.file.as_deref(), false).await;
        // Without a word before it a target may be a command that was mistyped.
        return opened.map_err(|e| match (&e.kind, &cli.target) {
            (Kind::Usage, Some(word)) => e.hint(command_meant(word)),
            _ => e,
        });
    };
    if let Some(word) = cli.target {
        return Err(
            Error::usage(format!("`{word}` stands before a command")).hint("A target comes after it: `holdpoint <COMMAND> TARGET`.")
        );
    }
    match command {
        Command::Demo { dir, no_open } => demo::demo(&dir, no_open).await,
        Command::Manual { page } => manual::manual(page.as_deref()),
        // No database, no configuration.
        Command::Explain { plan: Some(file), engine, format, redact, .. } => {
            explain::from_file(&file, engine.map(Into::into), explain::Out { format, redact })
        }
        Command::Open { target, file, assess } => open::open(cli.config.as_deref(), target.as_deref(), file.as_deref(), assess).await,
        command => {
            let cx = match context(cli.config.as_deref()) {
                Ok(cx) => cx,
                // As where a plugin was called wrongly, below.
                Err(e) if matches!(command, Command::Assess { nagios: true, .. }) => return Ok(assess::nagios::failed(&e)),
                Err(e) => return Err(e),
            };
            let cancel = cx.cancel.clone();
            let sessions = cx.clone();
            // The first Ctrl-C, SIGTERM or SIGHUP lets the operation end in order (a run at a statement's end); a second
            // Ctrl-C ends the process, when the first has had its time to reach the server: `timeout` sends two at once.
            tokio::spawn(async move {
                ended().await;
                cancel.cancel();
                let reached = tokio::time::Instant::now() + DELIVERY;
                if tokio::signal::ctrl_c().await.is_ok() {
                    tokio::time::sleep_until(reached).await;
                    for session in sessions.unconfirmed() {
                        output::message(&format!("holdpoint: not confirmed: {session}"));
                    }
                    crate::engine::tunnel::close_all();
                    std::process::exit(130);
                }
            });
            match command {
                Command::Query { target, sql, file, saved, params, commit, go_on, format, output, into } => {
                    let sql = match saved {
                        Some(name) => Some(crate::ops::library::find(&cx.config, &name)?.text),
                        None => sql,
                    };
                    let rows = query::Rows { format, output, into };
                    query::query(&cx, &target, sql, file.as_deref(), &params, query::How { commit, go_on }, &rows).await
                }
                explain @ Command::Explain { .. } => explained(&cx, explain).await,
                Command::Schema { target, object, show, format } => schema::schema(&cx, &target, object.as_deref(), &show, format).await,
                Command::Assess { target, checks, budget, timeframe, format, nagios, output, mutes } => {
                    let asked = assess::Asked { checks, budget, timeframe, format, nagios, output };
                    let done = async {
                        match assess::mutes(&cx, &target, &mutes)? {
                            true => Ok(ExitCode::SUCCESS),
                            false => assess::assess(&cx, &target, asked).await,
                        }
                    };
                    match done.await {
                        // A plugin that was called wrongly, or could not do its part here, knows nothing of the server.
                        Err(e) if nagios => Ok(assess::nagios::failed(&e)),
                        done => done,
                    }
                }
                Command::Locks { target, format } => locks::locks(&cx, &target, format).await,
                Command::Recover { target, deed, object, value, yes, format } => {
                    recover::recover(&cx, &target, deed.as_deref(), object, value, yes, format).await
                }
                Command::Migrate(m) => migrate::migrate(&cx, m).await,
                Command::Backup(b) => backup::backup(&cx, b).await,
                Command::Checklist(c) => checklist::checklist(&cx, c).await,
                Command::Run { checklist, range, issue, test } => checklist::run(&cx, &checklist, range, issue, test.as_deref()).await,
                Command::Import { target, table, file, commit, skip_refused, replace, null, time_zone, format } => {
                    let form = import::form(&file, format)?;
                    let what = crate::ops::import::Import { file, form, table, null, skip_refused, commit, time_zone, tried: None };
                    if replace { import::replace(&cx, &target, what).await } else { import::import(&cx, &target, what).await }
                }
                Command::History { target, search, limit, format } => {
                    history::history(&cx, target.as_deref(), search.as_deref(), limit, format)
                }
                Command::Evidence(e) => evidence::evidence(&cx, e),
                Command::Journal(j) => journal::journal(&cx, j),
                Command::Demo { .. } | Command::Open { .. } | Command::Manual { .. } => Ok(ExitCode::SUCCESS),
            }
        }
    }
}

/// `explain` with a database; with `--redact` no constant is in what it could not do either.
async fn explained(cx: &Cx, mut command: Command) -> Result<ExitCode> {
    let mut constants = None;
    if let Command::Explain {
        target: Some(target), sql, file, running: None, test: None, progress: false, redact: true, param_sets, ..
    } = &mut command
    {
        let text = query::text_of(sql.take(), file.take().as_deref())?;
        let engine = crate::engine::registry::engine(connect::target(cx, target)?, None);
        let values = param_sets.iter().filter_map(|p| Some(p.split_once('=')?.1));
        constants = Some(Constants::in_texts(engine.dialect(), [text.as_str()]).and(values));
        *sql = Some(text);
    }
    as_asked(cx, command).await.map_err(|e| match &constants {
        Some(c) => plan_test::bare(c, e),
        None => e,
    })
}

/// The way of `explain` that its arguments ask for.
async fn as_asked(cx: &Cx, command: Command) -> Result<ExitCode> {
    match command {
        Command::Explain { target: Some(target), running: Some(id), format, redact, .. } => {
            explain::running(cx, &target, id, explain::Out { format, redact }).await
        }
        Command::Explain { target: Some(target), test: Some(file), anyway, format, redact, .. } => {
            plan_test::test(cx, &target, &file, anyway, explain::Out { format, redact }).await
        }
        Command::Explain { target: Some(target), sql, file, write_test: Some(to), require, param_sets, propose_sets, anyway, .. } => {
            let given = what_if::Given { param_sets, propose_sets };
            plan_test::write(cx, &target, query::text_of(sql, file.as_deref())?, &to, require, given, anyway).await
        }
        Command::Explain { target: Some(target), sql, file, analyze, anyway, on_scratch, settings, format, redact, .. }
            if !settings.is_empty() =>
        {
            let measure = analyze.then(|| crate::ops::measure::Effort { anyway, ..Default::default() });
            let (sql, out) = (query::text_of(sql, file.as_deref())?, explain::Out { format, redact });
            what_if::what_if(cx, &target, what_if::WhatIf { sql, settings, measure, on_copy: on_scratch, out }).await
        }
        Command::Explain { target: Some(target), sql, file, analyze, anyway, param_sets, propose_sets, format, redact, .. }
            if propose_sets || !param_sets.is_empty() =>
        {
            let given = what_if::Given { param_sets, propose_sets };
            let measure = analyze.then(|| crate::ops::measure::Effort { anyway, ..Default::default() });
            let out = explain::Out { format, redact };
            what_if::side_by_side(cx, &target, query::text_of(sql, file.as_deref())?, &given, measure, out).await
        }
        Command::Explain { target: Some(target), progress: true, format, .. } => explain::progress(cx, &target, format).await,
        Command::Explain {
            target: Some(target), sql, file, analyze, anyway, advise: true, measure_advice, queue, format, redact, ..
        } => {
            let wanted = crate::ops::advice::Wanted { measure: measure_advice, analyze, anyway };
            advice::advise(cx, &target, sql, file.as_deref(), advice::Asked { wanted, queue, format, redact }).await
        }
        Command::Explain { target, sql, file, analyze, on_scratch, in_place, anyway, plan: None, format, redact, .. } => {
            let place = match (on_scratch, in_place) {
                (true, _) => Some(crate::ops::gate::Place::Copy),
                (_, true) => Some(crate::ops::gate::Place::Here),
                _ => None,
            };
            let how = explain::Measure { analyze, anyway, place };
            explain::explain(cx, &target.unwrap_or_default(), sql, file.as_deref(), how, explain::Out { format, redact }).await
        }
        // A plan from a file was shown before; see `run`.
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Waits until somebody or something wants the process to end.
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::hangup())) {
        (Ok(mut term), Ok(mut hup)) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = term.recv() => {}
                _ = hup.recv() => {}
            }
        }
        // No handlers to be had: the signals then do what they always do.
        _ => drop(tokio::signal::ctrl_c().await),
    }
}

/// Loads the configuration and makes the context that operations run in.
fn context(config: Option<&std::path::Path>) -> Result<Cx> {
    let cwd = std::env::current_dir().map_err(|e| Error::io("finding the working directory", e))?;
    let mut cx = Cx::new(crate::config::load(config, &cwd)?);
    if std::io::stderr().is_terminal() {
        cx.progress = Arc::new(output::StderrProgress::default());
    }
    Ok(cx)
}

/// Prints an error with what to do, and gives its exit code.
fn fail(e: &Error) -> ExitCode {
    // A reader that went away (`| head`) is no failure of ours.
    if e.kind == Kind::Io && e.message.contains("Broken pipe") {
        return ExitCode::SUCCESS;
    }
    output::error(e);
    ExitCode::from(e.exit_code())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_is_sound() {
        super::definition().debug_assert();
    }

    #[test]
    fn a_bare_word_is_a_target_and_a_command_stays_one() {
        use clap::Parser;
        let parse = |words: &[&str]| super::Cli::try_parse_from([&["holdpoint"], words].concat()).expect("arguments");
        let bare = parse(&["shop.db", "q.sql"]);
        assert_eq!((bare.target.as_deref(), bare.file.as_deref()), (Some("shop.db"), Some(std::path::Path::new("q.sql"))));
        assert!(bare.command.is_none());
        let command = parse(&["--config", "h.toml", "query", "shop.db", "select 1"]);
        assert!(matches!(command.command, Some(super::Command::Query { .. })) && command.config.is_some());
        assert!(super::command_meant("querry").contains("holdpoint query"));
        assert!(super::command_meant("zzzz").contains("--help"));
    }
}
