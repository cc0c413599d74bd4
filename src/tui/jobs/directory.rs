//! Names in a directory, for the completion of paths.

use super::Shared;
use super::files::resolve;
use crate::app::Msg;
use crate::app::paths::{Listing, Name};
use std::path::Path;
use std::time::{Duration, Instant};

/// Names that are kept: nobody goes through more in a list.
const MOST: usize = 2000;
/// A directory that takes longer is not read to its end.
const LONGEST: Duration = Duration::from_secs(2);

/// Reads the names that begin so.
pub fn list(shared: &Shared, directory: String, begins: String) {
    let at = if directory.is_empty() { Path::new(".") } else { Path::new(&directory) };
    let listing = names(&resolve(shared, at), directory, begins, MOST);
    shared.send(Msg::Directory(listing));
}

fn names(at: &Path, directory: String, begins: String, most: usize) -> Listing {
    let since = Instant::now();
    let mut listing = Listing { directory, begins, ..Listing::default() };
    let entries = match std::fs::read_dir(at) {
        Ok(entries) => entries,
        Err(e) => {
            listing.problem = Some(match e.kind() {
                std::io::ErrorKind::NotFound => "there is no such directory".into(),
                _ => e.to_string(),
            });
            return listing;
        }
    };
    // What cannot be read, or typed, is not proposed.
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let hidden = name.starts_with('.') && !listing.begins.starts_with('.');
        if hidden || !name.starts_with(&listing.begins) || name.chars().any(char::is_control) {
            continue;
        }
        if listing.names.len() >= most || since.elapsed() > LONGEST {
            listing.more = true;
            break;
        }
        // Where a link leads says whether it leads on.
        let directory = entry.file_type().is_ok_and(|t| t.is_dir() || t.is_symlink() && entry.path().is_dir());
        listing.names.push(Name { name, directory });
    }
    listing.names.sort_unstable();
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_a_shell_completes_them() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["b.csv", "a b.csv", ".hidden", "bell\u{7}.csv"] {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("backup")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("backup"), dir.path().join("to")).unwrap();
        let of = |begins: &str, most| {
            let l = names(dir.path(), "d/".into(), begins.into(), most);
            (l.names.iter().map(Name::shown).collect::<Vec<_>>(), l.more)
        };
        assert_eq!(of("", 9), (["a b.csv", "b.csv", "backup/", "to/"].map(String::from).to_vec(), false));
        assert_eq!(of("b", 9), (["b.csv", "backup/"].map(String::from).to_vec(), false));
        assert_eq!(of(".", 9).0, [".hidden"]);
        assert_eq!((of("", 2).0.len(), of("", 2).1), (2, true));
        let none = names(&dir.path().join("none"), String::new(), String::new(), 9);
        assert_eq!(none.problem.as_deref(), Some("there is no such directory"));
    }
}
