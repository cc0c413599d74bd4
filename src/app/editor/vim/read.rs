//! What the keys that were pressed so far are: a whole command of the list, the beginning of one, or none.

use super::object;

/// A command as far as it was read.
pub(super) enum Read {
    /// Complete: count, operator, and the rest.
    Command(usize, Option<char>, usize, Vec<char>),
    More,
    Not,
}

/// Reads count, operator, count and the rest from what was pressed.
pub(super) fn read(keys: &[char], visual: bool) -> Read {
    let number = |keys: &[char], at: &mut usize| {
        let mut n = 0usize;
        while let Some(d) = keys.get(*at).and_then(|c| c.to_digit(10)).filter(|d| n > 0 || *d > 0) {
            n = (n * 10 + d as usize).min(100_000);
            *at += 1;
        }
        n
    };
    let mut at = 0;
    let count = number(keys, &mut at);
    let Some(c) = keys.get(at) else { return Read::More };
    let operator = matches!(c, 'd' | 'c' | 'y' | '>').then_some(*c).filter(|_| !visual);
    let mut inner = 0;
    if operator.is_some() {
        at += 1;
        inner = number(keys, &mut at);
    }
    let rest = &keys[at..];
    let done = |rest: &[char]| Read::Command(count, operator, inner, rest.to_vec());
    match (operator, rest) {
        (_, [] | ['g' | 'f' | 't']) => Read::More,
        (_, ['g', 'g'] | ['f' | 't', _]) => done(rest),
        (Some(_), ['i']) => Read::More,
        (Some(_), ['/' | 'n']) => done(rest),
        // Objects and motions that are not of the list take a letter, too: it is no command of its own.
        (Some(_), ['a' | 'F' | 'T' | '\'' | '`' | '[' | ']']) => Read::More,
        (Some(_), ['i', c]) if object::LETTERS.contains(c) => done(rest),
        (Some(op), [c]) if *c == op => done(rest),
        (_, ['h' | 'j' | 'k' | 'l' | 'w' | 'b' | 'e' | '0' | '^' | '$' | 'G']) => done(rest),
        (Some(_), _) => Read::Not,
        (None, ['i']) if visual => Read::More,
        (None, ['i', c]) if visual && object::LETTERS.contains(c) => done(rest),
        (None, ['d' | 'c' | 'y' | '>']) if visual => done(rest),
        (None, ['v' | 'V' | 'p' | 'x' | 'n' | '/']) => done(rest),
        (None, ['a']) if visual => Read::More,
        (None, ['i' | 'a' | 'I' | 'A' | 'o' | 'O' | 'u' | '.']) if !visual => done(rest),
        _ => Read::Not,
    }
}
