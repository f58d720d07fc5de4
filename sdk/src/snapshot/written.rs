//! `Written`: what a step has written down and not handed over yet.
//!
//! Owns records beside copies that are still to be encoded. Knows neither steps nor freezes.

use super::copies::Copies;
use super::records::KeyedRecords;
use super::under::RecordsUnder;

/// Records, and copies that become records.
#[derive(Debug, Default)]
pub struct Written {
    records: KeyedRecords,
    copies: Copies,
}

impl Written {
    /// Takes records of one head, with keys in `groups` groups, of which none is in both: later
    /// nobody can say which came first.
    pub fn under<'a>(&'a mut self, head: &'a [u8], groups: u16) -> RecordsUnder<'a> {
        self.records.under(head, groups).with(&mut self.copies)
    }

    /// What it has cost to write, told in records.
    pub fn effort(&self) -> usize {
        self.records.len() + self.copies.effort()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.records.clear();
        self.copies.clear();
    }

    pub(super) fn move_to(&mut self, records: &mut KeyedRecords, copies: &mut Copies) {
        records.append(&mut self.records);
        copies.append(&mut self.copies);
    }
}
