//! Hashes of cells and rows that add up to hashes of sets.
//!
//! Whether two tables are equal is decided by SHA-256 of whole rows. The hash of a column only tells which column of an
//! unequal table differs, so it may be a fast one: with SHA-256 of each cell too, the demo's proof took twice as long.

use crate::model::Cell;
use sha2::{Digest, Sha256};

/// An order-independent 128-bit hash: the wrapping sum of the items' hashes. A sum (not XOR) lets equal items count as often
/// as they occur.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SetHash(u128);

impl SetHash {
    pub fn add(&mut self, item: u128) {
        self.0 = self.0.wrapping_add(item);
    }
    pub fn hex(self) -> String {
        format!("{:032x}", self.0)
    }
}

/// A number that tells what a cell is. Text and numbers count alike: SQLite's type is per value and part of the text form.
fn tagged(cell: Cell<'_>) -> (u8, &[u8]) {
    match cell {
        Cell::Null => (0, b""),
        Cell::Text(b) => (1, b),
        Cell::Number(b) => (2, b),
        Cell::Binary(b) => (3, b),
    }
}

/// Writes a cell so that NULL, empty text and neighbouring cells cannot be mistaken for each other: tag, length in groups of
/// seven bits from the lowest, bytes.
fn encode(row: &mut Vec<u8>, cell: Cell<'_>) {
    let (tag, bytes) = tagged(cell);
    row.push(tag);
    let mut length = bytes.len();
    while length >= 0x80 {
        row.push(length as u8 | 0x80);
        length >>= 7;
    }
    row.push(length as u8);
    row.extend_from_slice(bytes);
}

/// The first 128 bits of SHA-256 of a row; `room` is reused from row to row.
pub(super) fn row<'a>(cells: impl Iterator<Item = Cell<'a>>, room: &mut Vec<u8>) -> u128 {
    room.clear();
    cells.for_each(|c| encode(room, c));
    let digest = Sha256::digest(room.as_slice());
    let mut first = [0u8; 16];
    first.copy_from_slice(&digest[..16]);
    u128::from_le_bytes(first)
}

/// Odd numbers without a pattern: the first digits of π, e, √2, √3 and √5.
const KEYS: [u64; 5] = [0x243f_6a88_85a3_08d3, 0xb7e1_5162_8aed_2a6b, 0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b, 0x9e37_79b9_7f4a_7c15];

/// Both halves of a product, folded: every bit of either factor reaches every bit of the outcome.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// A fast hash of one cell in two halves that do not depend on each other. Good against chance, not against malice.
pub(super) fn cell(c: Cell<'_>) -> u128 {
    let (tag, bytes) = tagged(c);
    let (mut low, mut high) = (KEYS[0] ^ u64::from(tag), KEYS[1] ^ u64::from(tag));
    for chunk in bytes.chunks(16) {
        let mut part = [0u8; 16];
        part[..chunk.len()].copy_from_slice(chunk);
        let whole = u128::from_le_bytes(part);
        let (a, b) = (whole as u64, (whole >> 64) as u64);
        low = fold(a ^ KEYS[2], b ^ low);
        high = fold(b ^ KEYS[3], a.rotate_left(32) ^ high);
    }
    // The length tells a value from the same one with zeros behind it.
    let length = bytes.len() as u64 ^ KEYS[4];
    low = fold(low ^ KEYS[1], length);
    high = fold(high ^ KEYS[0], length.rotate_left(17));
    u128::from(low) | u128::from(high) << 64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn encoded(cells: &[Cell<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        cells.iter().for_each(|c| encode(&mut out, *c));
        out
    }

    #[test]
    fn cells_that_look_alike_are_told_apart() {
        let cells =
            [Cell::Null, Cell::Text(b""), Cell::Binary(b""), Cell::Text(b"\0"), Cell::Text(b"\0\0"), Cell::Number(b"0"), Cell::Text(b"0")];
        assert_eq!(cells.iter().map(|c| cell(*c)).collect::<HashSet<_>>().len(), cells.len());
        assert_eq!(cells.iter().map(|c| encoded(&[*c])).collect::<HashSet<_>>().len(), cells.len());
        assert_ne!(encoded(&[Cell::Text(b"ab"), Cell::Text(b"c")]), encoded(&[Cell::Text(b"a"), Cell::Text(b"bc")]));
        let long = vec![b'x'; 300];
        assert_eq!(encoded(&[Cell::Text(&long)])[..3], [1, 0xac, 0x02], "300 in groups of seven bits");
    }

    #[test]
    fn small_numbers_have_hashes_of_their_own_in_both_halves() {
        let hashes: Vec<u128> = (0..200_000u32).map(|i| cell(Cell::Number(i.to_string().as_bytes()))).collect();
        let distinct = |f: &dyn Fn(u128) -> u64| hashes.iter().map(|h| f(*h)).collect::<HashSet<_>>().len();
        assert_eq!(distinct(&|h| h as u64), hashes.len());
        assert_eq!(distinct(&|h| (h >> 64) as u64), hashes.len());
        // Every bit is set in about half of them.
        for bit in 0..128 {
            let ones = hashes.iter().filter(|h| (**h >> bit) & 1 == 1).count();
            assert!((90_000..110_000).contains(&ones), "bit {bit} is set in {ones} of 200,000");
        }
    }

    #[test]
    fn a_set_does_not_depend_on_order_and_counts_what_occurs_twice() {
        let sum = |items: &[&str]| {
            let mut s = SetHash::default();
            items.iter().for_each(|i| s.add(cell(Cell::Text(i.as_bytes()))));
            s
        };
        assert_eq!(sum(&["a", "b", "c"]), sum(&["c", "a", "b"]));
        assert_ne!(sum(&["a", "a"]), sum(&["a"]));
        assert_ne!(sum(&["a", "a", "b"]), sum(&["a", "b", "b"]));
        assert_ne!(sum(&["x", "x"]), SetHash::default(), "as XOR would give");
    }

    proptest! {
        #[test]
        fn one_changed_byte_changes_the_hashes(mut bytes in proptest::collection::vec(any::<u8>(), 1..100), at in any::<prop::sample::Index>(), by in 1u8..) {
            let before = (cell(Cell::Text(&bytes)), row([Cell::Text(&bytes)].into_iter(), &mut Vec::new()));
            let i = at.index(bytes.len());
            bytes[i] = bytes[i].wrapping_add(by);
            let after = (cell(Cell::Text(&bytes)), row([Cell::Text(&bytes)].into_iter(), &mut Vec::new()));
            prop_assert_ne!(before.0, after.0);
            prop_assert_ne!(before.1, after.1);
        }
    }
}
