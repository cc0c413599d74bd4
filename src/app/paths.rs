//! Names of files by their beginning, as a shell completes them. A directory is read off the loop; what it holds is asked here.

use super::effect::Effect;
use super::state::State;

/// Directories that are read at one time: one that does not answer must not hold up the next.
const AT_ONCE: usize = 4;

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub name: String,
    pub directory: bool,
}

impl Name {
    /// As it is proposed: a directory leads on.
    pub fn shown(&self) -> String {
        if self.directory { format!("{}/", self.name) } else { self.name.clone() }
    }
}

/// What was read of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The directory as it was typed, with the slash at its end; empty is the one that Holdpoint runs in.
    pub directory: String,
    /// What the names begin with.
    pub begins: String,
    /// In order.
    pub names: Vec<Name>,
    /// There are more of them than were read.
    pub more: bool,
    /// Why it could not be read.
    pub problem: Option<String>,
}

impl Listing {
    /// Holds the names that begin so.
    fn covers(&self, directory: &str, begins: &str) -> bool {
        self.directory == directory
            && begins.starts_with(&self.begins)
            && hidden(begins) == hidden(&self.begins)
            && (!self.more || begins == self.begins)
    }
    /// Those that begin so.
    pub fn fitting<'a>(&'a self, begins: &'a str) -> impl Iterator<Item = &'a Name> {
        self.names.iter().filter(move |n| n.name.starts_with(begins))
    }
}

/// What is known of directories.
#[derive(Debug, Default)]
pub struct Paths {
    listing: Option<Listing>,
    reading: Vec<(String, String)>,
}

impl Paths {
    /// What is known may have changed.
    pub fn forget(&mut self) {
        self.listing = None;
    }
    /// Something is being read.
    pub fn busy(&self) -> bool {
        !self.reading.is_empty()
    }
}

/// The directory of a path that is typed, with its slash, and the beginning of the name in it.
pub fn split(typed: &str) -> (&str, &str) {
    typed.split_at(typed.rfind('/').map_or(0, |i| i + 1))
}

fn hidden(begins: &str) -> bool {
    begins.starts_with('.')
}

/// What all the names begin with.
pub fn common<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    let mut names = names.map(|n| n.name.as_str());
    let Some(first) = names.next() else { return String::new() };
    let end = names.fold(first.len(), |end, n| {
        let same = first.char_indices().zip(n.chars()).find(|((_, a), b)| a != b).map_or(n.len(), |((i, _), _)| i);
        end.min(same)
    });
    first[..end].to_string()
}

/// What is known of the names that a path may go on with; what is not is read.
pub fn listing<'a>(state: &'a mut State, typed: &str, effects: &mut Vec<Effect>) -> Option<&'a Listing> {
    let (directory, begins) = split(typed);
    let paths = &mut state.paths;
    if paths.listing.as_ref().is_some_and(|l| l.covers(directory, begins)) {
        return paths.listing.as_ref();
    }
    let comes = |(d, b): &(String, String)| d == directory && begins.starts_with(b.as_str()) && hidden(begins) == hidden(b);
    if paths.reading.len() < AT_ONCE && !paths.reading.iter().any(comes) {
        paths.reading.push((directory.to_string(), begins.to_string()));
        effects.push(Effect::ListDirectory { directory: directory.to_string(), begins: begins.to_string() });
    }
    None
}

/// A directory was read.
pub fn read(state: &mut State, listing: Listing, effects: &mut Vec<Effect>) {
    state.paths.reading.retain(|(d, b)| (d, b) != (&listing.directory, &listing.begins));
    state.paths.listing = Some(listing);
    super::form_list::told(state, effects);
    super::completion::came(state, effects);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(begins: &str, names: &[&str], more: bool) -> Listing {
        let names = names.iter().map(|n| Name { name: (*n).to_string(), directory: false }).collect();
        Listing { directory: "d/".into(), begins: begins.into(), names, more, problem: None }
    }

    #[test]
    fn a_listing_serves_what_it_holds() {
        let of = |begins, more| listing(begins, &["cust.csv", "customers.csv"], more);
        for (begins, more, asked, serves) in [
            ("", false, "cu", true),
            ("", false, ".c", false),
            (".", false, ".c", true),
            ("c", false, "", false),
            ("c", false, "cu", true),
            ("c", true, "cu", false),
            ("c", true, "c", true),
        ] {
            assert_eq!(of(begins, more).covers("d/", asked), serves, "{begins} {more} {asked}");
        }
        assert!(!of("", false).covers("", "cu"));
    }

    #[test]
    fn names_have_their_beginning_in_common() {
        let of = |names: &[&str]| common(listing("", names, false).names.iter());
        assert_eq!(of(&["cust.csv", "customers.csv"]), "cust");
        assert_eq!(of(&["größe", "grün"]), "gr");
        assert_eq!(of(&["ab", "abc"]), "ab");
        assert_eq!(of(&["abc", "ab"]), "ab");
        assert_eq!(of(&["one"]), "one");
        assert_eq!(of(&[]), "");
        assert_eq!(split("a/b/c"), ("a/b/", "c"));
        assert_eq!(split("~/x"), ("~/", "x"));
        assert_eq!(split("x"), ("", "x"));
    }
}
