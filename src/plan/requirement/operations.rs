//! Names of a plan's steps: what no plan can have would be forbidden in vain.

/// Holdpoint's names.
const OURS: &str = "table scan, index scan, index only scan, index merge, bitmap index, bitmap heap, bitmap merge, nested loop, \
    block nested loop, hash join, merge join, right join, hash, sort, window, aggregate, distinct, duplicates removal, gather, append, subquery, \
    cte scan, function scan, foreign scan, values, modify, insert, update, delete, merge, lock, result, set operation, union, limit, \
    materialize, memoize, filter, temporary table, stream results, recursive union, index search, index only search, primary key search, \
    automatic index search, multi-index or, list subquery, scalar subquery, subquery cache, co-routine, bloom filter, group, query block";
/// Those of the servers, as they print them.
const POSTGRES: &str = "parallel seq scan, seq scan, sample scan, parallel index scan backward, parallel index only scan backward, \
    bitmap index scan, parallel bitmap heap scan, bitmapand, bitmapor, tid scan, tid range scan, subquery scan, table function scan, \
    values scan, cte scan, named tuplestore scan, worktable scan, async foreign scan, custom scan, nested loop left join, nested loop semi join, \
    nested loop anti join, nested loop right join, merge left join, merge right join, merge full join, merge semi join, merge anti join, merge join, \
    parallel hash join, parallel hash left join, parallel hash right join, parallel hash full join, parallel hash semi join, parallel hash anti join, \
    parallel hash right semi join, parallel hash right anti join, \
    hash left join, parallel hash, incremental sort, partial aggregate, finalize aggregate, partial groupaggregate, finalize groupaggregate, \
    partial hashaggregate, finalize hashaggregate, partial mixedaggregate, finalize mixedaggregate, windowagg, unique, hashsetop, setop, lockrows, \
    gather merge, merge append, parallel append, projectset, foreign insert, foreign update, foreign delete, initplan, subplan";
const MYSQL: &str = "all, index, range, ref, eq_ref, ref_or_null, const, system, fulltext, index_merge, unique_subquery, index_subquery, filesort, \
    block-nl-join, hash_all, hash_index, hash_range, hash_ref, hash_index_merge, expression_cache, materialized, read_sorted_file, \
    union_result, temporary_table, temp table, window_functions_computation, duplicates_removal, covering index scan, covering index lookup, \
    single-row covering index lookup, single-row index lookup, covering index range scan, index range scan, index lookup, \
    covering index skip scan, multi-range index lookup, full-text index search, constant row, rows fetched before execution, \
    zero rows, inner hash join, left hash join, hash semijoin, hash antijoin, nested loop inner join, nested loop left join, nested loop semijoin, \
    nested loop antijoin, group aggregate, window aggregate, deduplicate, remove duplicates, sort row ids, stream results, temporary table with deduplication, \
    append, materialize, invalidate materialized tables, weedout, intersect rows sorted by row id, select";
const SQLITE: &str = "scan, search, use temp b-tree for group by, use temp b-tree for order by, use temp b-tree for distinct, \
    use temp b-tree for last term of order by, covering index, automatic covering index, automatic partial covering index, integer primary key, \
    correlated scalar subquery, correlated list subquery, compound query, left-most subquery, union all, union using temp b-tree, except using temp b-tree, \
    intersect using temp b-tree, materialize, recursive step, setup, merge (union), merge (except), merge (intersect), virtual table, left-join";

/// How a name stands to those that a plan can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// It is one, or the words of one.
    Exactly,
    /// There is one in it.
    Within,
    Nobody,
}

/// Whether words stand in a text, whole.
pub(super) fn says(text: &str, words: &str) -> bool {
    let text = text.to_lowercase();
    let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !words.is_empty()
        && text.match_indices(words).any(|(i, _)| !inside(text[..i].chars().next_back()) && !inside(text[i + words.len()..].chars().next()))
}

/// Looks a name up among those of an engine; of all of them where it is empty.
pub(super) fn named_by(engine: &str, operation: &str) -> Named {
    let op = operation.to_lowercase();
    let own: &[&str] = match engine {
        "PostgreSQL" => &[POSTGRES],
        "MySQL" | "MariaDB" => &[MYSQL],
        "SQLite" => &[SQLITE],
        _ => &[POSTGRES, MYSQL, SQLITE],
    };
    let names = || std::iter::once(&OURS).chain(own).flat_map(|list| list.split(',')).map(str::trim);
    if names().any(|n| says(n, &op)) {
        Named::Exactly
    } else if names().any(|n| says(&op, n)) {
        Named::Within
    } else {
        Named::Nobody
    }
}

/// Whether a step of this name can be one of a table: sorts, joins, and what gathers or groups rows work on rows of steps below them.
/// What is no name of a step is judged elsewhere.
pub(super) fn reads_a_table(operation: &str) -> bool {
    const OF_ROWS: &str = "sort, filesort, join, loop, gather, hash, aggregate, \
        groupaggregate, hashaggregate, mixedaggregate, group, group by, order by, distinct, unique, window, windowagg, window aggregate, \
        window_functions_computation, duplicates removal, duplicates_removal, remove duplicates, deduplicate, limit, append, materialize, \
        materialized, memoize, result, setop, hashsetop, set operation, union, union_result, union all, except, intersect, recursive union, \
        recursive step, merge, bitmapand, bitmapor, bitmap merge, projectset, block-nl-join, block nested loop, hash semijoin, hash antijoin, \
        nested loop semijoin, nested loop antijoin, stream results, subquery cache, expression_cache, scalar subquery, list subquery, \
        temporary table, temporary_table, temp table, temp b-tree, weedout, co-routine, query block, compound query, filter, lockrows, lock, \
        initplan, subplan";
    // These words are also among the names of steps that do read one.
    const OF_TABLES: &str = "scan, search, lookup, heap, bitmap index, index merge, covering index, insert, update, delete, modify, \
        hash_all, hash_index, hash_range, hash_ref, hash_index_merge, bloom filter, left-join";
    let op = operation.to_lowercase();
    let has = |list: &str| list.split(',').map(str::trim).any(|n| says(&op, n));
    has(OF_TABLES) || !has(OF_ROWS)
}
