//! Letting a replica go on that was stopped, and a failover, which is printed for a person and never done.

use crate::engine::mysql::assess::replication::{Source, sources};
use crate::engine::mysql::catalog::{at, lit};
use crate::engine::{GONE, Session};
use crate::model::recovery::{Action, Prospect};
use crate::model::{Error, Result};
use crate::text;

/// What a source is called: by its connection's (channel's) name, the only one by its host.
fn called(s: &Source) -> &str {
    if s.name.is_empty() { &s.host } else { &s.name }
}

/// The one that is meant.
async fn one(s: &Session, wanted: &str) -> Result<Source> {
    let mut all = sources(s).await?;
    if all.is_empty() {
        return Err(Error::usage("this server follows nobody: there is no replication to start"));
    }
    let names: Vec<String> = all.iter().map(|s| text::clean(called(s)).into_owned()).collect();
    if wanted.is_empty() && all.len() > 1 {
        return Err(Error::usage(format!("it follows several: {}", names.join(", "))).hint("Name the one that is meant."));
    }
    match all.iter().position(|s| wanted.is_empty() || called(s) == wanted) {
        Some(i) => Ok(all.swap_remove(i)),
        None => {
            Err(Error::failed(format!("it does not follow {}", text::clean(wanted))).hint(format!("It follows: {}.", names.join(", "))))
        }
    }
}

/// Whether it receives and applies.
pub(super) async fn runs(s: &Session, name: &str) -> Result<bool> {
    Ok(sources(s).await?.iter().any(|s| called(s) == name && Source::runs(&s.receives) && Source::runs(&s.applies)))
}

pub(super) async fn start(s: &Session, action: &Action) -> Result<Prospect> {
    let source = one(s, &action.object).await?;
    let applies = Source::runs(&source.applies);
    if applies && !source.receives.eq_ignore_ascii_case("no") {
        let state = if Source::runs(&source.receives) { "runs".to_string() } else { format!("tries by itself ({})", source.receives) };
        return Err(Error::usage(format!("the replication from {} {state}", text::clean(called(&source)))));
    }
    let mut p = Prospect::of(action, called(&source));
    let why = source.why();
    p.identity = vec![
        format!("receives {}, applies {}", source.receives, source.applies),
        format!("applied up to {}", source.applied),
        format!("errors {} {}", source.receiving.0, source.applying.0),
    ];
    let told = |v: &str| if v.is_empty() { "no".to_string() } else { v.to_lowercase() };
    p.is = vec![
        ("follows".into(), source.host.clone()),
        ("receives".into(), told(&source.receives)),
        ("applies".into(), told(&source.applies)),
        ("applied up to".into(), source.applied.clone()),
    ];
    if !why.is_empty() {
        p.is.push(("stopped at".into(), why.clone()));
    }
    if source.delay > 0.0 {
        p.is.push(("kept behind on purpose".into(), format!("{} s", source.delay)));
    }
    p.does = "Lets the replica receive and apply again, from where it stopped.".into();
    p.loses = vec![
        "The state at which somebody stopped it (for a backup, a look at rows before a mistake, a change of its own): it goes on from there."
            .into(),
    ];
    if !why.is_empty() {
        p.loses.push(
            "It begins with the event at which it stopped, and skips nothing: unless the cause is mended, it stops there again.".into(),
        );
    }
    let word = if source.new_words { "REPLICA" } else { "SLAVE" };
    let mariadb = s.identity().product == "MariaDB";
    let named = match (source.name.as_str(), mariadb) {
        ("", _) => String::new(),
        (name, true) => format!(" {}", lit(name)),
        (name, false) => format!(" FOR CHANNEL {}", lit(name)),
    };
    p.undo = format!("STOP {word}{named} stops it, further on.");
    p.lock = "It takes no lock; what is applied locks rows and tables, as on the source.".into();
    p.statement = format!("START {word}{named}");
    // One that stops at the same event again does so at once.
    p.after = vec!["DO SLEEP(1)".into()];
    p.then = format!("the replica follows {}", text::clean(&source.host));
    Ok(p)
}

pub(super) async fn failover(s: &Session, action: &Action) -> Result<Prospect> {
    let found = s
        .fetch(
            "SELECT @@GLOBAL.read_only, (SELECT GROUP_CONCAT(DISTINCT SUBSTRING_INDEX(HOST, ':', 1) SEPARATOR ', ') FROM information_schema.PROCESSLIST \
             WHERE COMMAND LIKE 'Binlog Dump%'), (SELECT GROUP_CONCAT(DISTINCT USER SEPARATOR ', ') FROM information_schema.PROCESSLIST \
             WHERE USER LIKE '%orchestrator%' OR USER LIKE '%maxscale%' OR USER LIKE 'replication-manager%')",
        )
        .await?;
    let row = found.rows.first().cloned().unwrap_or_default();
    let wsrep = s.fetch("SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', 'wsrep_ready', 'wsrep_cluster_size')").await?;
    let galera: Vec<(String, String)> = wsrep.rows.iter().map(|r| (at(r, 0).to_string(), at(r, 1).to_string())).collect();
    let of = |name: &str| galera.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
    let in_cluster = !matches!(of("wsrep_cluster_status"), "" | "Disconnected");
    // Who may not look is told of no source.
    let sources = sources(s).await?;
    let mut p = failover_of(action, s.identity().address.clone());
    let role = match (in_cluster, sources.is_empty()) {
        (true, _) => "a node of a Galera cluster",
        (false, true) => "no replica, and it answers",
        (false, false) => "a replica",
    };
    p.is = vec![("this server".into(), role.into()), ("read_only".into(), if at(&row, 0) == "0" { "off" } else { "on" }.into())];
    for source in &sources {
        let lag = source.lag.map_or_else(|| "does not follow".to_string(), |l| format!("{l} s behind"));
        p.is.push((format!("follows {}", source.host), format!("{lag}, applied up to {}", source.applied)));
    }
    if !at(&row, 1).is_empty() {
        p.is.push(("replicas on".into(), at(&row, 1).into()));
    }
    if !at(&row, 2).is_empty() {
        p.is.push(("managed by".into(), at(&row, 2).into()));
    }
    p.is.extend(galera.iter().filter(|_| in_cluster).cloned());
    p.steps = if in_cluster {
        of_cluster(of("wsrep_cluster_status") == "Primary")
    } else if !at(&row, 2).is_empty() {
        let by = text::clean(at(&row, 2)).into_owned();
        vec![
            format!("{by} watches this server, and promotes by itself or on demand: ask it first, and let it do it."),
            "Orchestrator: orchestrator-client -c topology -i HOST; then -c graceful-master-takeover-auto, or -c recover where the source is dead.".into(),
            "MaxScale: maxctrl list servers; then maxctrl call command mariadbmon switchover MONITOR, or failover MONITOR.".into(),
        ]
    } else {
        of_replica(&sources, s.identity().product == "MariaDB")
    };
    Ok(p)
}

/// What is true of any failover.
fn failover_of(action: &Action, object: String) -> Prospect {
    let mut p = Prospect::of(action, object);
    p.does = "Another server takes the writes. Holdpoint prints how, and never does it.".into();
    p.loses = vec![
        "What the old source committed and the new one has not received is lost; two sources at once tear the data apart for good.".into(),
    ];
    p.undo = "There is none: the old source follows again only where it has nothing of its own, else it is built anew.".into();
    p.by_hand = Some("a failover is decided and done by a person, who knows whether the old source is really gone".into());
    p
}

/// The server that is to be replaced does not answer; `followers` is who followed it at the last look.
pub(super) fn of_the_dead(action: &Action, object: String, followers: &str) -> Prospect {
    let mut p = failover_of(action, object);
    p.steps = vec![
        GONE.into(),
        "Where Orchestrator, MaxScale or replication-manager watches it, promote nothing by hand: ask it first, and let it do it.".into(),
        followers.to_string(),
    ];
    // MySQL from 8.0.22 on has the new word as well as the old one, which 8.4 no longer has.
    p.steps.extend(promotion("SLAVE (MySQL: REPLICA)"));
    p
}

fn of_cluster(primary: bool) -> Vec<String> {
    if primary {
        return vec![
            "Every node of the cluster that is Synced takes writes: let the application or its proxy go to another node. Nothing is promoted.".into(),
        ];
    }
    vec![
        "This node belongs to no majority, and takes no writes. Look for nodes that are Primary on every machine: if there is one, go there.".into(),
        "Only when no node is Primary: ask each one, SHOW GLOBAL STATUS LIKE 'wsrep_last_committed'; the highest is the one to begin with.".into(),
        "There alone: SET GLOBAL wsrep_provider_options = 'pc.bootstrap=1'; the others join it. On two nodes it makes two clusters.".into(),
    ]
}

fn of_replica(sources: &[Source], mariadb: bool) -> Vec<String> {
    let old = sources.first().map_or_else(|| "the old source".to_string(), |s| format!("the old source ({})", text::clean(&s.host)));
    let word = if mariadb || !sources.iter().all(|s| s.new_words) { "SLAVE" } else { "REPLICA" };
    let mut out = Vec::new();
    if sources.is_empty() {
        out.push("This server follows nobody, and answers: a failover costs more than most faults. Mend it here if that can be.".into());
        out.push("Else stop its writes (SET GLOBAL read_only = ON), and wait until every replica has applied all.".into());
    } else {
        out.push(format!("Be sure that {old} is down, and stays down: stop it, or take its network or its power away."));
    }
    out.extend(promotion(word));
    out
}

/// The steps from the choice of the replica on.
fn promotion(word: &str) -> [String; 5] {
    [
        format!(
            "Ask every replica how far it is (SHOW {word} STATUS: what is received, and what is applied); take the one that is furthest."
        ),
        "There, wait until all that it received is applied.".into(),
        format!("There: STOP {word}; RESET {word} ALL; SET GLOBAL read_only = OFF;"),
        "Let applications and the other replicas (CHANGE MASTER TO, CHANGE REPLICATION SOURCE TO) go to it.".into(),
        "The old one comes back as a replica, read_only from its first moment; with transactions of its own it is built anew.".into(),
    ]
}
