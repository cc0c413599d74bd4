//! A dump as a digest that a dump of its restored copy gives again: without the database's name, definers, counters, dates
//! and versions of tools. Lines of data are taken as they are.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What one part of a dump (a table's structure, its data, the routines …) hashes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub digest: String,
    /// Rows of a table's data, where the dump has one to a line (MariaDB 10.11 and later) or is MySQL's.
    pub rows: u64,
}

/// The result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digests {
    pub whole: String,
    pub sections: BTreeMap<String, Section>,
    /// The last line says that the dump is complete.
    pub complete: bool,
}

/// Eats a dump in pieces of any size.
pub(super) struct Normal {
    database: String,
    whole: Sha256,
    section: (String, Sha256, u64),
    sections: BTreeMap<String, Section>,
    carry: Vec<u8>,
    complete: bool,
    /// Made by MySQL's tool.
    mysql: bool,
}

const NOISE: [&str; 7] =
    ["-- MariaDB dump", "-- MySQL dump", "-- Host:", "-- Server version", "/*M!999999", "-- Dumping events for", "-- Dumping routines for"];

impl Normal {
    /// `database` is the name of the dumped database.
    pub fn new(database: &str) -> Self {
        Normal {
            database: database.into(),
            whole: Sha256::new(),
            section: ("settings".into(), Sha256::new(), 0),
            sections: BTreeMap::new(),
            carry: Vec::new(),
            complete: false,
            mysql: false,
        }
    }

    pub fn eat(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            if self.carry.is_empty() {
                self.line(&rest[..end]);
            } else {
                self.carry.extend_from_slice(&rest[..end]);
                let line = std::mem::take(&mut self.carry);
                self.line(&line);
            }
            rest = &rest[end + 1..];
        }
        self.carry.extend_from_slice(rest);
    }

    pub fn finish(mut self) -> Digests {
        if !self.carry.is_empty() {
            let line = std::mem::take(&mut self.carry);
            self.line(&line);
        }
        self.turn(String::new());
        Digests { whole: hex::encode(self.whole.finalize()), sections: self.sections, complete: self.complete }
    }

    fn turn(&mut self, name: String) {
        let (old, hash, rows) = std::mem::replace(&mut self.section, (name, Sha256::new(), 0));
        let digest = hex::encode(&hash.finalize()[..16]);
        // A name that comes twice (a comment in a routine's body) keeps both parts.
        let entry = self.sections.entry(old).or_insert_with(|| Section { digest: String::new(), rows: 0 });
        entry.digest.push_str(&digest);
        entry.rows += rows;
    }

    fn line(&mut self, line: &[u8]) {
        if !line.is_empty() {
            self.complete = line.starts_with(b"-- Dump completed");
        }
        if line.first() == Some(&b'(') {
            self.section.2 += 1;
        }
        if self.mysql && line.starts_with(b"INSERT ") {
            self.section.2 += rows(line);
        }
        // Data, and everything that is no text of ours to look into.
        let Some(text) = std::str::from_utf8(line).ok().filter(|t| !t.starts_with('(') && !t.starts_with("INSERT ")) else {
            return self.add(line);
        };
        if let Some(what) = header(text) {
            self.turn(what);
        }
        self.mysql |= text.starts_with("-- MySQL dump") && !text.contains("MariaDB");
        if NOISE.iter().any(|n| text.starts_with(n)) || text.starts_with("-- Dump completed") {
            return;
        }
        let text = alter(text, &self.database, "");
        let text = if text.starts_with(") ENGINE=") { super::super::catalog::canonical::without_counter(&text) } else { text };
        let column = self.mysql && text.starts_with("  `") && self.section.0.starts_with("structure of ");
        let text = if column { super::super::catalog::canonical::by_collation(&text) } else { text };
        self.add(text.as_bytes());
    }

    fn add(&mut self, line: &[u8]) {
        for hash in [&mut self.whole, &mut self.section.1] {
            hash.update((line.len() as u64).to_le_bytes());
            hash.update(line);
        }
    }
}

/// Rows of an `INSERT … VALUES (…),(…)`: MySQL's tool puts as many on a line as fit into a packet.
fn rows(line: &[u8]) -> u64 {
    let mut quote: Option<u8> = None;
    let mut depth = 0u32;
    let (mut groups, mut values) = (0, false);
    let mut i = 0;
    while i < line.len() {
        let b = line[i];
        match (quote, b) {
            // In a name a backslash is one.
            (Some(b'\''), b'\\') => i += 1,
            (Some(q), _) if q == b => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'`') => quote = Some(b),
            (None, b'(') => {
                groups += u64::from(depth == 0 && values);
                depth += 1;
            }
            (None, b')') => depth = depth.saturating_sub(1),
            // Before it a list of columns may stand.
            (None, b' ') if depth == 0 && line[i..].starts_with(b" VALUES ") => values = true,
            _ => {}
        }
        i += 1;
    }
    groups
}

/// `-- Table structure for table `x``: what the following lines are about.
fn header(text: &str) -> Option<String> {
    let what = text.strip_prefix("-- ")?;
    for (start, name) in [
        ("Table structure for table ", "structure of "),
        ("Dumping data for table ", "data of "),
        ("Sequence structure for ", "sequence "),
        ("Temporary table structure for view ", "columns of view "),
        ("Temporary view structure for view ", "columns of view "),
        ("Final view structure for view ", "view "),
    ] {
        if let Some(object) = what.strip_prefix(start) {
            return Some(format!("{name}{}", object.trim_matches('`').replace("``", "`")));
        }
    }
    if what.starts_with("Dumping events for") {
        return Some("events".into());
    }
    what.starts_with("Dumping routines for").then(|| "routines".into())
}

/// A line of a dump for another database: without DEFINER (accounts may not exist there), events disabled (they would run
/// in the copy), and `ALTER DATABASE` for the new name.
pub(super) fn alter(text: &str, database: &str, new: &str) -> String {
    let mut out = text.to_string();
    let creates = text.starts_with("CREATE ") || text.starts_with("/*!50003 CREATE*/") || text.starts_with("/*!50106 CREATE*/");
    if (creates || text.starts_with("/*!50013 DEFINER=") || text.starts_with("/*!50001 CREATE"))
        && let Some(start) = out.find("DEFINER=")
        && let Some(length) = definer(&out[start..])
    {
        out.replace_range(start..start + length, "");
    }
    if text.starts_with("/*!50106 CREATE*/") {
        out = out.replacen(" PRESERVE ENABLE ", " PRESERVE DISABLE ", 1);
    }
    let quoted = crate::model::Dialect::MySql.quote_ident(database);
    if let Some(rest) = out.strip_prefix("ALTER DATABASE ").and_then(|r| r.strip_prefix(&quoted)) {
        out = format!("ALTER DATABASE {}{rest}", crate::model::Dialect::MySql.quote_ident(new));
    }
    out
}

/// Length of `DEFINER=`user`@`host`` or `DEFINER=`role``, with the blank after it.
fn definer(text: &str) -> Option<usize> {
    let name = |from: usize| -> Option<usize> {
        let bytes = text.as_bytes();
        if bytes.get(from) != Some(&b'`') {
            return None;
        }
        let mut i = from + 1;
        while i < bytes.len() {
            if bytes[i] == b'`' {
                if bytes.get(i + 1) == Some(&b'`') {
                    i += 2;
                    continue;
                }
                return Some(i + 1);
            }
            i += 1;
        }
        None
    };
    let mut end = name("DEFINER=".len())?;
    if text.as_bytes().get(end) == Some(&b'@') {
        end = name(end + 1)?;
    }
    if text.as_bytes().get(end) == Some(&b' ') {
        end += 1;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(dump: &str, database: &str, piece: usize) -> Digests {
        let mut n = Normal::new(database);
        for chunk in dump.as_bytes().chunks(piece) {
            n.eat(chunk);
        }
        n.finish()
    }

    const DUMP: &str = "-- MariaDB dump 10.19\n-- Host: a    Database: shop\n--\n-- Table structure for table `t`\n--\nCREATE TABLE `t` (\n  `a` int\n\
        ) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4;\n-- Dumping data for table `t`\nINSERT INTO `t` VALUES\n(1,'DEFINER=`x`@`y` '),\n(2,'b');\n\
        ALTER DATABASE `shop` CHARACTER SET utf8mb4;\nCREATE DEFINER=`root`@`localhost` FUNCTION `f`() RETURNS int(11)\nreturn 1\n\
        /*!50106 CREATE*/ /*!50117 DEFINER=`root`@`%`*/ /*!50106 EVENT `e` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE ENABLE DO set @a=1\n-- Dump completed\n";

    #[test]
    fn the_copys_dump_has_the_same_digest_whatever_the_pieces() {
        let a = digests(DUMP, "shop", 7);
        assert!(a.complete);
        let copy = DUMP
            .replace("Host: a    Database: shop", "Host: b    Database: scratch")
            .replace("AUTO_INCREMENT=7 ", "AUTO_INCREMENT=9 ")
            .replace("`shop`", "`scratch`")
            .replace("CREATE DEFINER=`root`@`localhost` ", "CREATE DEFINER=`me`@`%` ")
            .replace("DEFINER=`root`@`%`*/", "DEFINER=`me`@`10.0.0.%`*/")
            .replace("PRESERVE ENABLE", "PRESERVE DISABLE");
        assert_eq!(a, digests(&copy, "scratch", 1000));
        assert_eq!(a.sections["data of t"].rows, 2);
    }

    #[test]
    fn every_difference_that_matters_changes_it() {
        let a = digests(DUMP, "shop", 100);
        for (from, to, part) in [
            ("(2,'b')", "(2,'c')", "data of t"),
            ("`a` int", "`a` bigint", "structure of t"),
            ("DEFINER=`x`@`y` '", "'", "data of t"),
            ("return 1", "return 2", "data of t"),
            ("(2,'b');\n", ";\n", "data of t"),
        ] {
            let b = digests(&DUMP.replace(from, to), "shop", 100);
            assert_ne!(a.whole, b.whole, "{from}");
            assert_ne!(a.sections[part], b.sections[part], "{from}");
        }
        let cut = digests(&DUMP[..DUMP.len() - 20], "shop", 100);
        assert!(!cut.complete);
        assert!(!digests("", "shop", 1).complete);
    }

    #[test]
    fn mysqls_dump_tells_its_rows_and_a_column_made_again_is_the_same() {
        let dump = "-- MySQL dump 10.13  Distrib 9.7.4, for Linux (x86_64)\n-- Table structure for table `t`\nCREATE TABLE `t` (\n  `a` text COLLATE utf8mb4_bin,\n\
            ) ENGINE=InnoDB;\n-- Dumping data for table `t`\nINSERT INTO `t` (`(a`, `b`) VALUES (1,'x'),(2,'),(\\'),('),(3,_binary '\\\\'),(4,NULL);\nINSERT INTO `t` VALUES (5,0x28);\n\
            -- Dump completed\n";
        let was = digests(dump, "shop", 9);
        assert_eq!(was.sections["data of t"].rows, 5);
        let copy = digests(&dump.replace("COLLATE utf8mb4_bin", "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"), "shop", 9);
        assert_eq!(was, copy);
        let other = digests(&dump.replace("utf8mb4_bin", "utf8mb4_0900_bin"), "shop", 9);
        assert_ne!(was.sections["structure of t"], other.sections["structure of t"]);
    }

    #[test]
    fn a_line_for_the_scratch_database_is_rewritten() {
        assert_eq!(alter("CREATE DEFINER=`a``b`@`%` PROCEDURE `p`()", "x", "y"), "CREATE PROCEDURE `p`()");
        assert_eq!(alter("ALTER DATABASE `x` CHARACTER SET latin1", "x", "y"), "ALTER DATABASE `y` CHARACTER SET latin1");
        assert_eq!(alter("/*!50013 DEFINER=`r`@`h` SQL SECURITY DEFINER */", "x", "y"), "/*!50013 SQL SECURITY DEFINER */");
        assert_eq!(alter("  `note` text DEFAULT 'DEFINER=`a`@`b`'", "x", "y"), "  `note` text DEFAULT 'DEFINER=`a`@`b`'");
    }
}
