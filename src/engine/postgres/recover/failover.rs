//! A failover, printed for a person: who could take over, what is known to be lost with it, and the commands. Nothing of it is ever done here,
//! and where a cluster manager is seen, its own commands are the only sound ones.

use super::{facts, one, size};
use crate::engine::postgres::catalog::{Row, cell, pinned};
use crate::engine::{Session, failover};
use crate::model::Result;
use crate::model::recovery::{Action, Prospect};
use crate::text;

/// A manager shows itself by the names that it gives to sessions and slots (pg_auto_failover: to both of each node), or by its extension.
const STATE: &str = "SELECT pg_catalog.pg_is_in_recovery(), current_setting('cluster_name'), pg_catalog.pg_last_wal_receive_lsn()::text, \
        pg_catalog.pg_last_wal_replay_lsn()::text, \
        CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()) END, \
        (SELECT w.sender_host || ':' || w.sender_port FROM pg_catalog.pg_stat_wal_receiver w WHERE w.sender_host <> ''), \
        CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE application_name ILIKE 'patroni%') THEN 'Patroni' \
            WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE application_name ILIKE 'pg\\_auto%' OR application_name LIKE 'pgautofailover%') \
                OR EXISTS (SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name LIKE 'pgautofailover\\_standby\\_%') \
                OR EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pgautofailover') THEN 'pg_auto_failover' \
            WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE application_name ILIKE 'repmgr%') \
                OR EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'repmgr') THEN 'repmgr' ELSE '' END, \
        CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_is_wal_replay_paused() END";

/// The one that has got most comes first.
const STANDBYS: &str = "SELECT coalesce(nullif(application_name, ''), pid::text), coalesce(host(client_addr), 'local'), coalesce(state, '?'), \
        coalesce(sync_state, '?'), pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() \
            THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END, flush_lsn) \
    FROM pg_catalog.pg_stat_replication ORDER BY flush_lsn DESC NULLS LAST LIMIT 5";

pub(super) async fn look(s: &Session, action: &Action) -> Result<Prospect> {
    let row = one(s, STATE, &[]).await?.unwrap_or_default();
    let standbys = pinned(s, STANDBYS, &[]).await?.rows;
    let standby = cell(&row, 0) == "t";
    let manager = cell(&row, 6);
    let mut p = of(action, s.identity().address.clone());
    p.is = vec![("this server".into(), if standby { "a standby" } else { "a primary, and it answers" }.into())];
    p.is.extend(facts(&row, &[("cluster", 1), ("follows", 5), ("received up to", 2), ("replayed up to", 3), ("managed by", 6)]));
    if standby {
        p.is.push(("to replay".into(), size(&row, 4)));
    }
    for r in &standbys {
        p.is.push((format!("standby {}", cell(r, 0)), format!("{}, {}, {}, {} behind", cell(r, 1), cell(r, 2), cell(r, 3), size(r, 4))));
    }
    p.steps = match manager {
        "" => by_hand(&row, &standbys, standby),
        _ => managed(manager, &row, &standbys, standby),
    };
    if cell(&row, 7) == "t" {
        p.is.push(("replay".into(), "paused".into()));
        p.loses.push(format!(
            "Replay is paused here, perhaps to hold something back on purpose (a DELETE): promoting ends the pause, and all that waits is replayed \
             first ({}).",
            size(&row, 4)
        ));
        p.steps
            .insert(0, "Find out who paused the replay and why, before anybody promotes this one: what is held back comes with it.".into());
    }
    Ok(p)
}

fn of(action: &Action, object: String) -> Prospect {
    let undo = "There is none: the old primary becomes a standby again only by pg_rewind or a new copy.";
    failover::of(action, object, "primary", "A standby becomes the primary.", undo)
}

/// The server that is to be replaced does not answer; `followers` is who followed it at the last look.
pub(super) fn of_the_dead(action: &Action, object: String, followers: &str) -> Prospect {
    let furthest = format!(
        "{followers} Ask every standby how far it is, and take the one that is furthest: SELECT pg_last_wal_receive_lsn(); for one that is a target \
         here, recover TARGET failover tells it."
    );
    failover::of_the_dead(of(action, object), "Patroni, repmgr or pg_auto_failover", furthest, promotion())
}

/// The manager decides who leads: whatever is promoted beside it, it demotes again.
fn managed(manager: &str, row: &Row, standbys: &[Row], standby: bool) -> Vec<String> {
    let best = standbys.first().map(|r| text::shell_word(cell(r, 0)));
    let candidate = best.map_or_else(String::new, |b| format!(" --candidate {b}"));
    let cluster = match cell(row, 1) {
        "" => "CLUSTER".to_string(),
        name => text::shell_word(name),
    };
    let (see, act) = match (manager, standby) {
        ("Patroni", true) => ("patronictl list", format!("patronictl failover {cluster}")),
        ("Patroni", false) => ("patronictl list", format!("patronictl switchover {cluster}{candidate}")),
        ("repmgr", true) => {
            ("repmgr cluster show", "on the standby that is furthest, with the old primary down: repmgr standby promote".to_string())
        }
        ("repmgr", false) => ("repmgr cluster show", "on the standby that is to lead: repmgr standby switchover".to_string()),
        (_, _) => ("pg_autoctl show state", "pg_autoctl perform failover".to_string()),
    };
    vec![
        format!("{manager} leads this cluster: ask it who leads and who is how far behind. {see}"),
        format!("Let it do it: {act}"),
        format!("Look again: {see}"),
    ]
}

fn by_hand(row: &Row, standbys: &[Row], standby: bool) -> Vec<String> {
    let old = match cell(row, 5) {
        "" => "the old primary".to_string(),
        host => format!("the old primary ({})", text::clean(host)),
    };
    let mut out = Vec::new();
    if standby {
        out.push(format!("Be sure that {old} is down, and stays down: stop it, or take its network or its power away."));
        out.push(format!(
            "Ask every standby how far it is, and take the one that is furthest: SELECT pg_last_wal_receive_lsn(); here it is {}.",
            match cell(row, 2) {
                "" => cell(row, 3),
                at => at,
            }
        ));
    } else {
        let best = standbys.first().map_or_else(
            || "no standby is connected now: ask each one, SELECT pg_last_wal_receive_lsn();".to_string(),
            |r| format!("the one that is furthest is {} ({}), {} behind.", text::clean(cell(r, 0)), text::clean(cell(r, 1)), size(r, 4)),
        );
        out.push(format!("This primary answers: a failover costs more than most faults. Mend it here if that can be. Else, {best}"));
        out.push("Stop the application's writes, then this server in order, so that standbys receive all: pg_ctl stop -m fast".into());
    }
    out.extend(promotion());
    out
}

/// The steps from the promotion on.
fn promotion() -> [String; 4] {
    [
        "On that standby: SELECT pg_promote(true, 60);".into(),
        "There, SELECT pg_is_in_recovery(); says f.".into(),
        "Let applications, poolers and the other standbys (primary_conninfo) go to it.".into(),
        "Before the old one starts again: pg_rewind it from the new one, or build it anew as a standby.".into(),
    ]
}
