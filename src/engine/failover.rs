//! What is true of a failover on every engine: it is printed for a person, and never done.

use crate::model::recovery::{Action, Prospect};

/// `leader` is what the engine calls the server that takes the writes; `does` and `undo` are in its words.
pub(super) fn of(action: &Action, object: String, leader: &str, does: &str, undo: &str) -> Prospect {
    let mut p = Prospect::of(action, object);
    p.does = format!("{does} Holdpoint prints how, and never does it.");
    p.loses = vec![format!(
        "What the old {leader} committed and the new one has not received is lost; two {leader}s at once tear the data apart for good."
    )];
    p.undo = undo.into();
    p.by_hand = Some(format!("a failover is decided and done by a person, who knows whether the old {leader} is really gone"));
    p
}

/// The steps where the server that is to be replaced does not answer: all that can be said without it. `managers` are those that nothing
/// shows now; `furthest` is how the replica is found that has most.
pub(super) fn of_the_dead(mut p: Prospect, managers: &str, furthest: String, promotion: impl IntoIterator<Item = String>) -> Prospect {
    p.steps = vec![
        "Be sure that the old server is down, and stays down: stop it, or take its network or its power away. From here it does not answer, and a \
         network that is broken looks the same."
            .into(),
        format!("Where {managers} leads the cluster, promote nothing by hand: ask it who leads, and let it do it."),
        furthest,
    ];
    p.steps.extend(promotion);
    p
}
