//! Statements that change nothing but how their own session reads: a search path, a limit, a planner's switch. They are taken where only
//! reads are.

use super::lexer::{TokenKind, lex};
use crate::model::Dialect;

/// PostgreSQL's settings that decide how and where a session reads, never whether it may write or how it takes text apart; besides all
/// that begin with `enable_`, and those of pg_trgm.
const POSTGRES: &str = "application_name bytea_output client_min_messages constraint_exclusion cpu_index_tuple_cost cpu_operator_cost \
     cpu_tuple_cost cursor_tuple_fraction datestyle default_text_search_config effective_cache_size effective_io_concurrency \
     extra_float_digits from_collapse_limit geqo geqo_effort geqo_threshold gin_fuzzy_search_limit hash_mem_multiplier intervalstyle jit \
     jit_above_cost jit_inline_above_cost jit_optimize_above_cost join_collapse_limit lc_monetary lc_numeric lc_time lock_timeout \
     max_parallel_workers max_parallel_workers_per_gather min_parallel_index_scan_size min_parallel_table_scan_size \
     parallel_leader_participation parallel_setup_cost parallel_tuple_cost plan_cache_mode quote_all_identifiers random_page_cost \
     recursive_worktable_factor row_security search_path seq_page_cost statement_timeout temp_buffers timezone work_mem";

/// The same of MariaDB and MySQL; besides all that begin with `optimizer_`.
const MYSQL: &str = "cte_max_recursion_depth div_precision_increment eq_range_index_dive_limit expensive_subquery_limit explain_format \
     explain_json_format_version group_concat_max_len innodb_lock_wait_timeout join_buffer_size join_cache_level lc_time_names \
     lock_wait_timeout long_query_time max_execution_time max_heap_table_size max_join_size max_length_for_sort_data \
     max_recursive_iterations max_seeks_for_key max_sort_length max_statement_time mrr_buffer_size net_read_timeout net_write_timeout \
     profiling range_alloc_block_size range_optimizer_max_mem_size read_buffer_size read_rnd_buffer_size rowid_merge_buff_size \
     sort_buffer_size sql_big_selects sql_safe_updates sql_select_limit time_zone tmp_table_size";

/// What of the list to tell a user.
pub const EXAMPLES: &str = "What a session reads by may be set here: search_path, timezone, work_mem, enable_…, statement_timeout; USE, time_zone, \
     optimizer_switch, sql_select_limit.";

/// Longer in bytes is no such statement: each that a read-only session is sent is looked at, and data may be megabytes long.
const LONGEST: usize = 4096;

/// True when `text` is one such statement, its values literals: SET and RESET of a listed setting (PostgreSQL), USE, SET of listed
/// variables and of user variables (MySQL). In SQLite nothing is.
pub fn only_reading(dialect: Dialect, text: &str) -> bool {
    if text.len() > LONGEST {
        return false;
    }
    let mut tokens: Vec<(TokenKind, &str)> = lex(dialect, text)
        .into_iter()
        .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment))
        .map(|t| (t.kind, &text[t.span]))
        .collect();
    while tokens.last().is_some_and(|(kind, _)| *kind == TokenKind::Semicolon) {
        tokens.pop();
    }
    let word = |i: usize| match tokens.get(i) {
        Some((TokenKind::Keyword | TokenKind::Identifier, w)) => w.to_ascii_lowercase(),
        _ => String::new(),
    };
    match (dialect, word(0).as_str()) {
        (Dialect::Postgres, "reset") => name(&tokens[1..]).is_some_and(|(name, rest)| listed(dialect, &name) && rest.is_empty()),
        (Dialect::Postgres, "set") => {
            let from = 1 + usize::from(word(1) == "session");
            match word(from).as_str() {
                "time" if word(from + 1) == "zone" => values(&tokens[from + 2..]),
                "schema" => values(&tokens[from + 1..]),
                _ => name(&tokens[from..]).is_some_and(|(name, rest)| {
                    let sets = rest.first().is_some_and(|(_, w)| *w == "=" || w.eq_ignore_ascii_case("to"));
                    listed(dialect, &name) && sets && values(&rest[1..])
                }),
            }
        }
        (Dialect::MySql, "use") => {
            tokens.len() == 2 && matches!(tokens[1].0, TokenKind::Keyword | TokenKind::Identifier | TokenKind::QuotedIdentifier)
        }
        (Dialect::MySql, "set") => tokens[1..].split(|(_, w)| *w == ",").all(|item| {
            let scoped = item.first().is_some_and(|(_, w)| w.eq_ignore_ascii_case("session")) && item.len() > 3;
            let Some(((kind, named), rest)) = item[usize::from(scoped)..].split_first() else { return false };
            let own = *kind == TokenKind::Parameter && named.starts_with('@') && !named.starts_with("@@") && !scoped;
            let known = matches!(kind, TokenKind::Keyword | TokenKind::Identifier) && listed(dialect, &named.to_ascii_lowercase());
            (own || known) && rest.first().is_some_and(|(_, w)| *w == "=" || *w == ":=") && constant(&rest[1..])
        }),
        _ => false,
    }
}

/// The setting's name at the start, in lower case, and what comes behind it.
fn name<'a, 't>(tokens: &'a [(TokenKind, &'t str)]) -> Option<(String, &'a [(TokenKind, &'t str)])> {
    let plain = |t: Option<&(TokenKind, &str)>| match t {
        Some((TokenKind::Keyword | TokenKind::Identifier, w)) => Some(w.to_ascii_lowercase()),
        _ => None,
    };
    let first = plain(tokens.first())?;
    match tokens.get(1) {
        Some((_, ".")) => Some((format!("{first}.{}", plain(tokens.get(2))?), &tokens[3..])),
        _ => Some((first, &tokens[1..])),
    }
}

fn listed(dialect: Dialect, name: &str) -> bool {
    let (list, beginnings): (&str, &[&str]) = match dialect {
        Dialect::Postgres => (POSTGRES, &["enable_", "pg_trgm."]),
        Dialect::MySql => (MYSQL, &["optimizer_"]),
        Dialect::Sqlite => return false,
    };
    list.split_ascii_whitespace().any(|w| w == name) || beginnings.iter().any(|b| name.starts_with(b))
}

/// One value or several with commas, each a word, a name or a literal.
fn values(tokens: &[(TokenKind, &str)]) -> bool {
    let one = |part: &[(TokenKind, &str)]| literal(part) || matches!(part, [(TokenKind::QuotedIdentifier, w)] if w.starts_with('"'));
    !tokens.is_empty() && tokens.split(|(_, w)| *w == ",").all(one)
}

/// A word, a string without escapes of its own kind, or a number.
fn literal(part: &[(TokenKind, &str)]) -> bool {
    match part {
        [(TokenKind::Keyword | TokenKind::Identifier | TokenKind::Number, _)] | [(_, "-"), (TokenKind::Number, _)] => true,
        [(TokenKind::String, w)] => w.starts_with('\'') && !w.contains('\\'),
        _ => false,
    }
}

/// As [`literal`], where a word may be a function (`current_user`). Dates and bits have a word or a letter before their quote.
fn constant(part: &[(TokenKind, &str)]) -> bool {
    const WORDS: &[&str] = &["on", "off", "default", "null", "true", "false", "system"];
    const TYPES: &[&str] = &["date", "time", "timestamp"];
    match part {
        [(TokenKind::Keyword | TokenKind::Identifier, w), quoted @ (TokenKind::String, _)]
            if TYPES.iter().any(|k| w.eq_ignore_ascii_case(k)) =>
        {
            literal(&[*quoted])
        }
        [(TokenKind::String, w)] if w.get(..2).is_some_and(|p| ["b'", "x'", "n'"].iter().any(|k| p.eq_ignore_ascii_case(k))) => {
            !w.contains('\\')
        }
        [(TokenKind::Keyword | TokenKind::Identifier, w)] => WORDS.iter().any(|k| w.eq_ignore_ascii_case(k)),
        part => literal(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::*;
    use proptest::prelude::*;

    #[test]
    fn what_only_changes_how_one_reads_is_told() {
        for text in [
            "SET search_path = sales, \"Odd\", 'x'",
            "set session work_mem to '64MB';",
            "set enable_seqscan = off",
            "set time zone 'Europe/Berlin'",
            "set timezone to default",
            "set schema 'sales'",
            "reset work_mem",
            "set pg_trgm.similarity_threshold = 0.4",
            "set extra_float_digits = -1 -- back",
        ] {
            assert!(only_reading(Postgres, text), "{text}");
        }
        for text in [
            "use shop",
            "USE `odd name`;",
            "set time_zone = '+00:00', session sql_select_limit = 10",
            "set @a = 1",
            "set @x:=5",
            "set @d = date'2026-01-01', @t := timestamp '2026-01-01 10:00:00', @b = b'101', @h = X'4A'",
            "set optimizer_switch='mrr=on'",
            "set session explain_json_format_version = 1",
        ] {
            assert!(only_reading(MySql, text), "{text}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "set default_transaction_read_only = off",
            "set transaction_read_only = off",
            "set session characteristics as transaction read write",
            "set transaction read write",
            "set role admin",
            "set session authorization admin",
            "set local work_mem = 1",
            "set standard_conforming_strings = off",
            "set session_replication_role = replica",
            "set work_mem = (select 1)",
            "set work_mem = f()",
            "set search_path = a; drop table t",
            "set search_path = E'\\''",
            "set work_mem",
            "reset all",
            &format!("set search_path = '{}'", "x".repeat(LONGEST)),
            "reset default_transaction_read_only",
            "set",
            "set work_mem = ",
            "use shop",
        ] {
            assert!(!only_reading(Postgres, text), "{text}");
        }
        for text in [
            "set global time_zone = '+00:00'",
            "set @@global.time_zone = '+00:00'",
            "set session transaction read write",
            "set tx_read_only = 0",
            "set sql_mode = 'ANSI'",
            "set sql_log_bin = 0",
            "set autocommit = 0",
            "set @a = (select 1)",
            "set @a = f()",
            // What it would be at another time is not what it is now, and the change is made in another session.
            "set @a = @b + 1",
            "set @a = date(now())",
            "set @a = date'2026' + f()",
            "select 1 into @a",
            "set @a = current_user",
            "set time_zone = '+00:00', sql_mode = ''",
            "set statement max_statement_time = 1 for delete from t",
            "set password = 'x'",
            "set names utf8mb4",
            "use",
            "use a; drop table t",
            "set @@session.sql_safe_updates = 0",
        ] {
            assert!(!only_reading(MySql, text), "{text}");
        }
        assert!(!only_reading(Sqlite, "pragma cache_size = 1"));
    }

    proptest! {
        #[test]
        fn never_panics_and_is_of_the_session_alone(text in "\\PC{0,40}", tail in "[a-z_ =,'@.;()0-9-]{0,40}") {
            for text in [text.clone(), format!("set {tail}"), format!("reset {tail}"), format!("use {tail}")] {
                for d in [Postgres, MySql, Sqlite] {
                    if only_reading(d, &text) {
                        prop_assert_eq!(crate::sql::classify(d, &text).class, crate::sql::Class::Session, "{}", text);
                    }
                }
            }
        }
    }
}
