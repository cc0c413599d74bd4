//! Letting a replica go on that was stopped, and a failover, which is printed for a person and never done.

use crate::engine::mysql::assess::replication::{Source, sources};
use crate::engine::mysql::catalog::{at, lit};
use crate::engine::{Session, failover as shared};
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

/// Programs that move the source by themselves, by the account that each logs in with, and what asks them to.
const MANAGERS: [(&str, &str); 3] = [
    (
        "orchestrator",
        "Orchestrator: orchestrator-client -c topology -i HOST; then -c graceful-master-takeover-auto, or -c recover where the source is dead.",
    ),
    ("maxscale", "MaxScale: maxctrl list servers; then maxctrl call command mariadbmon switchover MONITOR, or failover MONITOR."),
    (
        "replication-manager",
        "replication-manager: replication-manager-cli topology; then replication-manager-cli switchover, or failover where the source is dead.",
    ),
];

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
    let group = group(s).await?;
    // Who may not look is told of no source.
    let sources = sources(s).await?;
    let mut p = failover_of(action, s.identity().address.clone());
    let role = match (in_cluster, sources.is_empty()) {
        _ if group.is_some() => "a member of a group (Group Replication)",
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
    if let Some(group) = group {
        p.is.extend(group.members.iter().map(|m| (format!("member {}", m.at), format!("{}, {}", m.state, m.role))));
        p.steps = group.steps();
        return Ok(p);
    }
    p.steps = if in_cluster {
        of_cluster(of("wsrep_cluster_status") == "Primary")
    } else if !at(&row, 2).is_empty() {
        let by = text::clean(at(&row, 2)).into_owned();
        let mut steps = vec![format!("{by} watches this server, and promotes by itself or on demand: ask it first, and let it do it.")];
        steps.extend(MANAGERS.iter().filter(|(name, _)| at(&row, 2).to_lowercase().contains(name)).map(|(_, how)| (*how).to_string()));
        steps
    } else {
        of_replica(&sources, s.identity().product == "MariaDB")
    };
    // Of a manager's sessions nothing is told to an account that sees its own alone.
    if !in_cluster && at(&row, 2).is_empty() && !super::super::assess::sight(s).await?.sees_all {
        let grant = super::super::assess::grant(s, "PROCESS");
        p.is.push(("manager".into(), format!("cannot be seen ({grant} shows it)")));
        p.steps.insert(
            0,
            "Whether Orchestrator, MaxScale or replication-manager watches it cannot be seen: ask, before anybody promotes.".into(),
        );
    }
    Ok(p)
}

struct Member {
    id: String,
    at: String,
    state: String,
    role: String,
}

/// A group of servers that elects its primary (Group Replication, InnoDB Cluster).
struct Group {
    members: Vec<Member>,
    /// What would show the members, where they are hidden.
    grant: Option<String>,
    /// MySQL Shell set it up, and moves its primary.
    by_shell: bool,
}

/// `None` where this server is of no group.
async fn group(s: &Session) -> Result<Option<Group>> {
    const MEMBERS: &str = "SELECT MEMBER_ID, MEMBER_HOST, MEMBER_PORT, MEMBER_STATE, MEMBER_ROLE \
        FROM performance_schema.replication_group_members WHERE MEMBER_STATE <> 'OFFLINE' LIMIT 20";
    const BY_SHELL: &str = "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'mysql_innodb_cluster_metadata'";
    let named = s.fetch("SHOW GLOBAL VARIABLES WHERE Variable_name = 'group_replication_group_name' AND Value <> ''").await?;
    if named.rows.is_empty() {
        return Ok(None);
    }
    let by_shell = s.fetch(BY_SHELL).await?.scalar() != Some("0");
    let rows = match s.fetch(MEMBERS).await {
        Ok(found) => found.rows,
        Err(e) if super::super::assess::refused(&e) => {
            let grant = super::super::assess::grant_on(s, "SELECT", "performance_schema.replication_group_members");
            return Ok(Some(Group { members: Vec::new(), grant: Some(grant), by_shell }));
        }
        Err(e) => return Err(e),
    };
    let member = |r: &Vec<Option<String>>| Member {
        id: at(r, 0).into(),
        at: format!("{}:{}", at(r, 1), at(r, 2)),
        state: at(r, 3).into(),
        role: at(r, 4).to_lowercase(),
    };
    let members: Vec<Member> = rows.iter().map(member).collect();
    // Configured, and not started: it stands alone.
    Ok((!members.is_empty()).then_some(Group { members, grant: None, by_shell }))
}

impl Group {
    fn steps(&self) -> Vec<String> {
        const STATUS: &str = "mysqlsh: dba.getCluster().status()";
        const MEMBERS: &str =
            "SELECT MEMBER_HOST, MEMBER_PORT, MEMBER_STATE, MEMBER_ROLE FROM performance_schema.replication_group_members;";
        let look = if self.by_shell { STATUS } else { MEMBERS };
        let leads =
            "The group chooses a new primary by itself once the old one is gone: RESET REPLICA and read_only by hand are wrong here.";
        if let Some(grant) = &self.grant {
            return vec![leads.into(), format!("Who its members are is hidden here: {grant} shows it. {look}")];
        }
        let online = self.members.iter().filter(|m| m.state == "ONLINE");
        let reached = self.members.iter().filter(|m| !matches!(m.state.as_str(), "UNREACHABLE" | "ERROR")).count();
        if 2 * reached > self.members.len() {
            let next = online.clone().find(|m| m.role == "secondary");
            let act = match (next, self.by_shell) {
                (None, _) => "No other member is ONLINE: bring one back before this one is stopped.".to_string(),
                (Some(m), true) => {
                    format!("To move it on purpose: mysqlsh: dba.getCluster().setPrimaryInstance('{}')", text::clean(&m.at))
                }
                (Some(m), false) => {
                    format!("To move it on purpose: SELECT group_replication_set_as_primary({}); ({})", lit(&m.id), text::clean(&m.at))
                }
            };
            return vec![
                format!("{leads} Ask who leads: {look}"),
                act,
                "Applications follow by MySQL Router where there is one; else let them go to the new primary.".into(),
            ];
        }
        let here = online.map(|m| text::clean(&m.at).into_owned()).collect::<Vec<_>>().join(", ");
        let act = if self.by_shell {
            "On one of those that are left: mysqlsh: dba.getCluster().forceQuorumUsingPartitionOf('USER@HOST:PORT')".to_string()
        } else {
            "On one of those that are left: SET GLOBAL group_replication_force_members = 'HOST:PORT,…'; with each one's @@group_replication_local_address."
                .to_string()
        };
        vec![
            format!("The group has lost its majority: nothing is written until it has one again. Seen from here: {here}."),
            "Bring a member back, if that can be: the group goes on by itself. Two halves that both go on tear the data apart for good."
                .into(),
            "Only when the others are certainly down, and stay down:".into(),
            act,
        ]
    }
}

fn failover_of(action: &Action, object: String) -> Prospect {
    let undo = "There is none: the old source follows again only where it has nothing of its own, else it is built anew.";
    shared::of(action, object, "source", "Another server takes the writes.", undo)
}

/// The server that is to be replaced does not answer; `followers` is who followed it at the last look.
pub(super) fn of_the_dead(action: &Action, object: String, followers: &str) -> Prospect {
    let managers = "Orchestrator, MaxScale, replication-manager, Group Replication or Galera";
    // MySQL from 8.0.22 on has the new word as well as the old one, which 8.4 no longer has.
    shared::of_the_dead(failover_of(action, object), managers, followers.to_string(), promotion("SLAVE (MySQL: REPLICA)"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_asked_to_move_its_primary_and_without_a_majority_it_is_not_split() {
        let group = |states: &[(&str, &str)], by_shell| {
            let member = |(i, (state, role)): (usize, &(&str, &str))| Member {
                id: format!("uuid-{i}"),
                at: format!("db{i}:3306"),
                state: (*state).into(),
                role: (*role).into(),
            };
            Group { members: states.iter().enumerate().map(member).collect(), grant: None, by_shell }.steps().join("\n")
        };
        let sound = [("ONLINE", "primary"), ("RECOVERING", "secondary"), ("ONLINE", "secondary")];
        let told = group(&sound, false);
        assert!(told.contains("group_replication_set_as_primary('uuid-2'); (db2:3306)") && !told.contains("force"), "{told}");
        assert!(group(&sound, true).contains("setPrimaryInstance('db2:3306')"));
        assert!(group(&sound[..1], false).contains("No other member is ONLINE"));
        let cut = [("UNREACHABLE", "primary"), ("UNREACHABLE", "secondary"), ("ONLINE", "secondary")];
        let told = group(&cut, false);
        assert!(
            told.contains("lost its majority") && told.contains("Seen from here: db2:3306.") && told.contains("force_members"),
            "{told}"
        );
        assert!(group(&cut, true).contains("forceQuorumUsingPartitionOf"));
    }
}
