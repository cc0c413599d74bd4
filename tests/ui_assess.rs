//! The emergency in the console: findings as they come, worst first, the lock tree, targets that are not open. Nothing runs.

#[path = "ui/console.rs"]
#[allow(dead_code, reason = "shared with the tests of the screens")]
mod console;

use console::Console;
use holdpoint::app::effect::JobId;
use holdpoint::app::panes::assess::recover::Told;
use holdpoint::app::state::Workspace;
use holdpoint::app::{Effect, Msg, Pane};
use holdpoint::model::assessment::{Assessment, Check, Seen};
use holdpoint::model::lock_tree::LockSession;
use holdpoint::model::recovery::{Action, Deed, Outcome, Prospect};
use holdpoint::model::{Error, Finding, Kind, Severity};
use holdpoint::ops::assess::{News, summary};

const fn check(id: &'static str, name: &'static str, twice: bool) -> Check {
    Check { id, name, reads: "pg_stat_activity", means: "It explains much else.", limits: &[], twice }
}
static CHECKS: [Check; 5] = [
    check("PG02", "server", false),
    check("PG06", "locks", false),
    check("PG03", "connections", false),
    check("PG12", "archiver", false),
    check("PG22", "top statements", true),
];

/// The one assessment among the effects: its job, target and checks.
fn asked(effects: &[Effect]) -> Vec<(JobId, String, Vec<String>)> {
    let one = |e: &Effect| match e {
        Effect::Assess { job, target, only, .. } => Some((*job, target.clone(), only.clone())),
        Effect::LookAtLocks { job, target } => Some((*job, target.clone(), vec!["locks".to_string()])),
        _ => None,
    };
    effects.iter().filter_map(one).collect()
}

fn locks() -> Seen {
    let holder = LockSession {
        id: 4711,
        user: "etl\u{1b}[2J".into(),
        client: "nightly-export, 10.0.0.3".into(),
        database: "orders".into(),
        state: "idle in transaction".into(),
        open_for: Some(2460),
        idle: Some(2460),
        statement: "update orders set total = 0".into(),
        began: "2026-11-21 02:11:07+00".into(),
        ..LockSession::default()
    };
    let waiting = |id, wants: &str, statement: &str, by| LockSession {
        id,
        user: "shop".into(),
        state: "active".into(),
        waits: Some(130 - id % 100),
        wants: wants.into(),
        statement: statement.into(),
        blocked_by: vec![by],
        ..LockSession::default()
    };
    let ddl = waiting(4800, "AccessExclusiveLock on orders", "alter table orders add note text", 4711);
    let mut sessions = vec![holder, ddl];
    sessions.extend((1..12).map(|i| waiting(4800 + i, "RowExclusiveLock on orders", "update orders set state = 'paid'", 4800)));
    let mut seen = Seen::of(&CHECKS[1]).says("12 waiting, longest 2 min 10 s, root 4711");
    let message =
        "11 sessions wait behind alter table orders add note text (pid 4800), which waits for pid 4711, idle in transaction for 41 min";
    let next = "Cancel the waiting statement of pid 4800 and run it later with a lock_timeout; or end 4711.";
    seen.find(Finding::new(Severity::Critical, "PG06", "pid 4711", message).next(next));
    seen.sessions = sessions;
    seen
}

fn begin(c: &mut Console) -> JobId {
    let effects = c.press("8");
    let [(job, target, only)] = &asked(&effects)[..] else { panic!("no assessment was begun: {effects:?}") };
    assert_eq!((target.as_str(), only.len()), ("shop-dev", 0));
    c.send(Msg::Assessing { job: *job, news: News::Chosen(CHECKS.iter().collect()) });
    *job
}

fn seen(c: &mut Console, job: JobId, seen: Seen) {
    c.send(Msg::Assessing { job, news: News::Seen(Box::new(seen)) });
}

/// All but the samples.
fn most(c: &mut Console, job: JobId) {
    seen(c, job, Seen::of(&CHECKS[0]).says("PostgreSQL 15.18, up 12 d"));
    seen(c, job, locks());
    let mut full = Seen::of(&CHECKS[2]).says("188 of 200 (94 %), 150 active, 38 waiting");
    full.find(Finding::new(Severity::Warning, "PG03", "connections", "188 of 200 connections are taken").next("Look at who holds them."));
    seen(c, job, full);
    seen(c, job, Seen::blind(&CHECKS[3], "pg_stat_archiver may not be read", "GRANT pg_monitor TO oncall;"));
}

fn whole(c: &Console) -> Box<Assessment> {
    let checks = c.state.assess.seen.clone();
    Box::new(Assessment {
        target: "shop-dev".into(),
        server: Some("PostgreSQL 15.18".into()),
        began: c.state.now,
        took: 5123.0,
        budget: 60_000.0,
        summary: summary(&checks),
        checks,
        notes: Vec::new(),
        before: None,
        changes: Vec::new(),
    })
}

#[test]
fn what_is_worst_stands_first_as_it_comes() {
    for (w, h) in [(80, 24), (120, 40), (160, 48)] {
        let mut c = Console::new(w, h);
        c.connect("shop-dev");
        let job = begin(&mut c);
        most(&mut c, job);
        let screen = c.screen();
        assert!(!screen.contains('\u{1b}'));
        let place = |what: &str| screen.find(what).unwrap_or_else(|| panic!("no {what} in\n{screen}"));
        assert!(place("11 sessions wait behind") < place("Next: Cancel"), "the cause is not on top:\n{screen}");
        assert!(place("CRITICAL") < place("WARNING") && place("WARNING") < place("archiver"), "{screen}");
        assert!(place("archiver") < place("PostgreSQL 15.18, up") && place("two samples") > place("PostgreSQL 15.18, up"), "{screen}");
        insta::assert_snapshot!(format!("assess_{w}x{h}"), screen);
    }
    let mut c = Console::new(80, 24);
    c.mono = true;
    c.connect("shop-dev");
    let job = begin(&mut c);
    most(&mut c, job);
    assert!(c.screen().is_ascii(), "{}", c.screen());
    insta::assert_snapshot!("assess_mono", c.screen());
}

#[test]
fn the_cursor_stays_on_its_check_and_the_answer_of_an_older_run_is_dropped() {
    let mut c = Console::new(120, 40);
    c.connect("shop-dev");
    let job = begin(&mut c);
    seen(&mut c, job, Seen::of(&CHECKS[0]).says("up 12 d"));
    // On the first line it stays there: the worst goes to the top.
    seen(&mut c, job, locks());
    assert_eq!(c.state.assess.at().unwrap().check, "PG06");
    c.press("j");
    assert_eq!(c.state.assess.at().unwrap().check, "PG02");
    seen(&mut c, job, Seen::blind(&CHECKS[3], "hidden", "GRANT pg_monitor TO oncall;"));
    assert_eq!(c.state.assess.at().unwrap().check, "PG02");
    let whole = whole(&c);
    c.send(Msg::Assessed { job, result: Ok(whole) });
    assert!(c.state.assess.job.is_none() && c.state.jobs.is_empty());
    assert!(c.screen().contains("3 checks in 5.1 s"), "{}", c.screen());
    // The hand-over is a new file, and its name says what it is.
    c.press("w");
    // The name that stands there is selected: a key that moves keeps it.
    c.press("End");
    for _ in 0..2 {
        c.press("Backspace");
    }
    assert!(
        !c.press("Enter").iter().any(|e| matches!(e, Effect::HandOver { .. })) && c.screen().contains(".html or .json"),
        "{}",
        c.screen()
    );
    c.press("m");
    c.press("d");
    let written = c.press("Enter");
    assert!(
        matches!(&written[..], [Effect::HandOver { path, .. }] if path.to_string_lossy().starts_with("handover-shop-dev-")),
        "{written:?}"
    );
    // What was read stays; a second look is asked for.
    assert!(asked(&c.press("8")).is_empty());
    let again = asked(&c.press("R"));
    assert_eq!(again.len(), 1);
    seen(&mut c, job, locks());
    assert!(c.state.assess.seen.is_empty(), "an older run's news are shown");
}

#[test]
fn the_lock_tree_shows_roots_first_and_is_read_again() {
    for (w, h) in [(80, 24), (120, 40)] {
        let mut c = Console::new(w, h);
        c.connect("shop-dev");
        let job = begin(&mut c);
        // Before the locks were read there is no tree.
        assert!(asked(&c.press("t")).is_empty() && c.state.assess.tree.is_none());
        most(&mut c, job);
        // The assessment has the one connection: the tree is as it saw it.
        assert!(asked(&c.press("Enter")).is_empty());
        assert!(c.screen().contains("4711") && c.screen().contains("12 behind it"), "{}", c.screen());
        insta::assert_snapshot!(format!("locks_{w}x{h}"), c.screen());
        let ended = whole(&c);
        let ended = c.send(Msg::Assessed { job, result: Ok(ended) });
        c.press("j");
        assert_eq!(c.state.assess.tree.as_ref().unwrap().chosen().unwrap().id, 4800);
        let [(look, _, only)] = &asked(&ended)[..] else { panic!("the locks are not read again once the assessment is done") };
        assert_eq!(only, &["locks"]);
        assert!(asked(&c.press("R")).is_empty(), "two looks at once");
        // The holder ended; the cursor stays on its session.
        let mut later = locks();
        later.sessions.remove(0);
        later.sessions[0].blocked_by.clear();
        c.send(Msg::LockTree { job: *look, result: Ok(Box::new(later)) });
        assert_eq!(c.state.assess.tree.as_ref().unwrap().chosen().unwrap().id, 4800);
        assert!(!c.screen().contains("4711 ·"), "{}", c.screen());
        // It goes on by itself as long as somebody looks; what could not be read is said, and what was seen stays.
        let [(look, ..)] = &asked(&c.timers())[..] else { panic!("the locks are not read again by themselves") };
        c.send(Msg::LockTree { job: *look, result: Err(Error::connect("the server did not answer")) });
        assert!(c.screen().contains("did not answer") && c.screen().contains("4800"), "{}", c.screen());
        // The session that it is read by ends with it.
        assert!(c.press("Esc").iter().any(|e| matches!(e, Effect::LeaveLocks)));
        assert!(c.state.assess.tree.is_none() && c.screen().contains("CRITICAL"));
        assert!(asked(&c.timers()).is_empty(), "it is read although nobody looks");
    }
}

/// The one recovery among the effects: its job, action and whether it was confirmed.
fn recovery(effects: &[Effect]) -> (JobId, Action, Option<(String, String)>) {
    let one = |e: &Effect| match e {
        Effect::Recover { job, target, action, yes } => {
            Some((*job, target.clone(), action.clone(), yes.as_ref().map(|y| (y.object.clone(), y.seen.clone()))))
        }
        _ => None,
    };
    let (job, target, action, yes) = effects.iter().find_map(one).unwrap_or_else(|| panic!("no recovery: {effects:?}"));
    assert_eq!(target, "shop-dev");
    (job, action, yes)
}

#[test]
fn a_session_of_the_tree_is_ended_only_after_it_was_shown_and_typed() {
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    let job = begin(&mut c);
    most(&mut c, job);
    let ended = whole(&c);
    c.send(Msg::Assessed { job, result: Ok(ended) });
    let look = asked(&c.press("t"))[0].0;
    c.send(Msg::LockTree { job: look, result: Ok(Box::new(locks())) });
    // What the footer offers works here, too.
    c.press("w");
    assert!(!c.state.dialogs.is_empty(), "{}", c.screen());
    c.press("Esc");
    c.press("c");
    assert!(c.screen().contains("▏4 Checklist▕") && c.state.assess.tree.is_none(), "{}", c.screen());
    c.press("8");
    let look = asked(&c.press("t"))[0].0;
    c.send(Msg::LockTree { job: look, result: Ok(Box::new(locks())) });
    // One that is idle in its transaction cannot be cancelled.
    c.press("x");
    assert!(c.screen().contains("Session 4711") && !c.screen().contains("cancel its"), "{}", c.screen());
    let (job, action, yes) = recovery(&c.press("e"));
    assert_eq!((action.deed, action.object.as_str(), yes), (Deed::EndIdle, "4711", None));
    let shown = Prospect {
        is: vec![("user".into(), "etl\u{1b}[2J".into())],
        does: "the session ends".into(),
        loses: vec!["its open transaction is rolled back".into()],
        statement: "SELECT pg_terminate_backend(4711)".into(),
        ..Prospect::of(&action, "4711")
    };
    c.send(Msg::Recovery { job, result: Ok(Told::Prospect(Box::new(shown), "3f9ac21b".into())) });
    let screen = c.screen();
    assert!(screen.contains("rolled back") && screen.contains("pg_terminate_backend(4711)") && screen.contains("L1"), "{screen}");
    insta::assert_snapshot!("recover_80x24", screen);
    // Another number does nothing.
    for k in ["4", "7", "1", "2"] {
        c.press(k);
    }
    assert!(!c.press("Enter").iter().any(|e| matches!(e, Effect::Recover { .. })));
    assert!(c.screen().contains("nothing was done"), "{}", c.screen());
    c.press("Backspace");
    c.press("1");
    let (job, _, yes) = recovery(&c.press("Enter"));
    assert_eq!(yes, Some(("4711".into(), "3f9ac21b".into())));
    assert!(c.state.dialogs.is_empty());
    let after = c.send(Msg::Recovery { job, result: Ok(Told::Done(Outcome::Verified("session 4711 is gone".into()))) });
    assert!(c.screen().contains("4711 is gone") && c.state.jobs.is_empty(), "{}", c.screen());
    assert_eq!(asked(&after).len(), 1, "the tree is read again");
    // One that runs or waits can be cancelled, or ended.
    c.press("j");
    c.press("x");
    let (job, action, _) = recovery(&c.press("c"));
    assert_eq!((action.deed, action.object.as_str()), (Deed::Cancel, "4800"));
    c.send(Msg::Recovery { job, result: Ok(Told::Held("Held, nothing was done: it is another one.".into(), vec![])) });
    assert!(c.screen().contains("Held, nothing was done"), "{}", c.screen());
    // A statement that is longer than the screen is read to its end.
    c.press("x");
    let (job, action, _) = recovery(&c.press("c"));
    let condition: String = (0..60).map(|i| format!(" AND state_{i} = 'active'")).collect();
    let long = Prospect { statement: format!("SELECT pg_cancel_backend(4800) WHERE true{condition}"), ..Prospect::of(&action, "4800") };
    c.send(Msg::Recovery { job, result: Ok(Told::Prospect(Box::new(long), "3f9ac21b".into())) });
    assert!(c.screen().contains("PageDown for the rest") && !c.screen().contains("state_59"), "{}", c.screen());
    for _ in 0..20 {
        c.press("PageDown");
    }
    assert!(c.screen().contains("state_59") && !c.screen().contains("for the rest"), "{}", c.screen());
    assert!(c.screen().contains("Confirm"), "{}", c.screen());
    for _ in 0..20 {
        c.press("PageUp");
    }
    assert!(c.screen().contains("state_0 "), "{}", c.screen());
}

/// An assessment that is over, with the cursor on a check that found these.
fn found(findings: Vec<Finding>) -> Console {
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    let job = begin(&mut c);
    let mut slots = Seen::of(&CHECKS[2]).says("2 slots hold 212 GB");
    findings.into_iter().for_each(|f| slots.find(f));
    seen(&mut c, job, slots);
    let ended = whole(&c);
    c.send(Msg::Assessed { job, result: Ok(ended) });
    c
}

fn slot(name: &str) -> Finding {
    Finding::new(Severity::Critical, "PG03", name, format!("slot {name} holds 212 GB")).next("Drop it.").recover(Deed::DropSlot, name)
}

#[test]
fn what_answers_a_finding_is_shown_typed_and_done_from_its_check() {
    let mut c = found(vec![slot("debezium")]);
    assert!(c.press("Enter").is_empty() && c.screen().contains("x in the list looks at what it would do"), "{}", c.screen());
    c.press("Esc");
    let (job, action, yes) = recovery(&c.press("x"));
    assert_eq!((action.deed, action.object.as_str(), yes), (Deed::DropSlot, "debezium", None));
    let shown = || Prospect {
        does: "the slot is dropped".into(),
        loses: vec!["what its consumer has not read".into()],
        statement: "SELECT pg_drop_replication_slot('debezium')".into(),
        ..Prospect::of(&action, "debezium")
    };
    // Data may be lost: a second person, or one alone with a reason and the target's name.
    c.send(Msg::Recovery { job, result: Ok(Told::Prospect(Box::new(shown()), "3f9ac21b".into())) });
    let screen = c.screen();
    assert!(screen.contains("L3") && screen.contains("--approve --seen 3f9ac21b") && !screen.contains("Reason"), "{screen}");
    insta::assert_snapshot!("recover_second_80x24", screen);
    c.type_text("debezium");
    let (job, _, yes) = recovery(&c.press("Enter"));
    assert_eq!(yes, Some(("debezium".into(), "3f9ac21b".into())));
    let held = Told::Held("Held, nothing was done: nobody else said yes.".into(), vec!["Somebody else: holdpoint recover …".into()]);
    c.send(Msg::Recovery { job, result: Ok(held) });
    assert!(c.screen().contains("nobody else said yes") && c.screen().contains("Somebody else:"), "{}", c.screen());

    std::sync::Arc::make_mut(&mut c.state.config).policy.approval = holdpoint::config::files::Approval::Solo;
    let (job, ..) = recovery(&c.press("x"));
    c.send(Msg::Recovery { job, result: Ok(Told::Prospect(Box::new(shown()), "3f9ac21b".into())) });
    insta::assert_snapshot!("recover_alone_80x24", c.screen());
    c.type_text("debezium");
    c.press("Enter");
    let says = |c: &Console, words: &str| assert!(c.screen().contains(words), "{words}: {}", c.screen());
    c.type_text("nobody reads it");
    c.press("Enter");
    c.type_text("shop");
    c.press("Enter");
    says(&c, "That is not shop-dev: nothing was done.");
    c.type_text("-dev");
    let effects = c.press("Enter");
    let yes = effects.iter().find_map(|e| if let Effect::Recover { yes, .. } = e { yes.clone() } else { None }).expect("a yes");
    assert_eq!((yes.reason.as_deref(), yes.target.as_deref()), (Some("nobody reads it"), Some("shop-dev")));
    // The list is of before it: all is looked at again.
    let (job, ..) = recovery(&effects);
    let after = c.send(Msg::Recovery { job, result: Ok(Told::Done(Outcome::Verified("the slot is gone".into()))) });
    says(&c, "The slot is gone.");
    assert_eq!(asked(&after).len(), 1, "{after:?}");
}

#[test]
fn of_several_answers_to_a_check_one_is_chosen_and_hands_are_told_their_work() {
    let mut c = found(vec![slot("a"), slot("b"), slot("a")]);
    assert!(c.press("x").is_empty());
    assert!(
        c.screen().contains("1  drop-slot a") && c.screen().contains("2  drop-slot b") && !c.screen().contains("3  "),
        "{}",
        c.screen()
    );
    let (job, action, _) = recovery(&c.press("2"));
    assert_eq!(action.object, "b");
    let by_hand = Prospect {
        by_hand: Some("another server has to take over".into()),
        steps: vec!["stop the old one".into(), "promote the other".into()],
        ..Prospect::of(&action, "b")
    };
    c.send(Msg::Recovery { job, result: Ok(Told::Prospect(Box::new(by_hand), "3f9ac21b".into())) });
    let screen = c.screen();
    assert!(screen.contains("For a person to do: Another server") && screen.contains("2. Promote the other."), "{screen}");
    let mut c = found(vec![Finding::new(Severity::Warning, "PG03", "it", "it is slow").next("Look.")]);
    assert!(c.press("x").is_empty() && c.screen().contains("No action is proposed for this check"), "{}", c.screen());
}

#[test]
fn a_target_is_assessed_without_opening_it() {
    let mut c = Console::new(80, 24);
    assert_eq!(c.state.view.workspace, Workspace::Start);
    c.press("j");
    let effects = c.press("a");
    let [(job, target, _)] = &asked(&effects)[..] else { panic!("{effects:?}") };
    assert!(!effects.iter().any(|e| matches!(e, Effect::Connect { .. })), "it was opened");
    assert_eq!(c.state.view.focus, Pane::Assess);
    // Name and environment of what is looked at stand on the first line.
    let first = c.screen().lines().next().unwrap_or("").to_string();
    let environment = c.state.config.targets[target].environment.clone().unwrap_or_default().to_uppercase();
    assert!(first.contains(target.as_str()) && first.contains(&environment) && first.contains("not open"), "{first}");
    // A password that is asked for is for the assessment.
    c.send(Msg::Assessed { job: *job, result: Err(Error::new(Kind::PasswordNeeded, "the server wants a password")) });
    for k in ["s", "3", "Enter"] {
        c.press(k);
    }
    assert!(c.state.dialogs.is_empty() && c.state.assess.job.is_some());
    assert!(matches!(c.state.link, holdpoint::app::link::Link::None));
    c.press("Esc");
    assert_eq!(c.state.view.workspace, Workspace::Start);
    // What is under way goes on; what is over is a picture of then, and the target is assessed anew.
    assert!(asked(&c.press("a")).is_empty());
    let (job, ended) = (c.state.assess.job.unwrap(), whole(&c));
    c.send(Msg::Assessed { job, result: Ok(ended) });
    c.press("Esc");
    c.state.now = c.state.now.checked_add(jiff::SignedDuration::from_secs(21)).unwrap();
    assert_eq!(asked(&c.press("a")).len(), 1, "it is not assessed again");
    assert!(c.state.assess.seen.is_empty() && c.state.assess.whole.is_none());
}

#[test]
fn how_old_a_picture_is_stands_above_it_and_what_was_done_makes_it_void() {
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    let job = begin(&mut c);
    most(&mut c, job);
    let ended = whole(&c);
    c.send(Msg::Assessed { job, result: Ok(ended) });
    assert!(!c.screen().contains(" ago "), "{}", c.screen());
    let look = asked(&c.press("t"))[0].0;
    c.send(Msg::LockTree { job: look, result: Ok(Box::new(locks())) });
    c.press("x");
    let (job, action, _) = recovery(&c.press("e"));
    c.send(Msg::Recovery { job, result: Ok(Told::Prospect(Box::new(Prospect::of(&action, "4711")), "3f9ac21b".into())) });
    for k in ["4", "7", "1", "1"] {
        c.press(k);
    }
    let (job, ..) = recovery(&c.press("Enter"));
    c.send(Msg::Recovery { job, result: Ok(Told::Done(Outcome::Verified("session 4711 is gone".into()))) });
    assert_eq!(asked(&c.press("Esc")).len(), 1, "the list of before is shown as if it were of now");
    let (job, ended) = (c.state.assess.job.unwrap(), whole(&c));
    c.send(Msg::Assessed { job, result: Ok(ended) });
    c.state.now = c.state.now.checked_add(jiff::SignedDuration::from_secs(125)).unwrap();
    assert!(c.screen().contains("UTC · 2 min 05 s ago"), "{}", c.screen());
    // Whoever was elsewhere meanwhile wants to know what is wrong now.
    c.press("c");
    assert_eq!(asked(&c.press("8")).len(), 1, "an old picture is shown");
}

#[test]
fn a_session_that_is_only_guessed_to_hold_a_lock_is_not_the_first_to_be_ended() {
    let mut c = Console::new(80, 24);
    c.connect("shop-dev");
    let job = begin(&mut c);
    most(&mut c, job);
    let ended = whole(&c);
    c.send(Msg::Assessed { job, result: Ok(ended) });
    let look = asked(&c.press("t"))[0].0;
    let mut tree = locks();
    tree.sessions[0].state = "idle in transaction (holder inferred)".into();
    tree.sessions[0].guessed = true;
    c.send(Msg::LockTree { job: look, result: Ok(Box::new(tree)) });
    c.press("x");
    let screen = c.screen();
    assert!(screen.contains("is a guess") && screen.contains("Certain: 4800 waits") && screen.contains("cancel what 4800"), "{screen}");
    let (_, action, yes) = recovery(&c.press("c"));
    assert_eq!((action.deed, action.object.as_str(), yes), (Deed::Cancel, "4800", None));
}
