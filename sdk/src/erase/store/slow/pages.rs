//! Pages of records: a few in memory, the rest in one unlinked temporary file.
//!
//! Owns the file, where each page lies in it and which pages are resident. Knows nothing of keys
//! or accumulators. This is the only module of the crate that touches a file system; the file has
//! no name, so that nothing is left behind however the process ends. Invariant: a page that is not
//! resident stands in the file as it was last changed.

use crate::element;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Result as IoResult, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// Records per page.
pub(super) const PAGE_RECORDS: usize = 64;
/// Pages in memory.
const RESIDENT: usize = 4;
/// The smallest room that a page is given in the file.
const SMALLEST: u64 = 512;

/// One page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PageId(u32);

/// The records of one page, encoded.
pub(super) type Page = Vec<Vec<u8>>;

#[derive(Debug)]
struct Resident {
    id: PageId,
    page: Page,
    changed: bool,
}

/// Where a page lies in the file. Without room it was never written and is empty.
#[derive(Clone, Copy, Default, Debug)]
struct Place {
    offset: u64,
    /// A power of two, so that a page that grows moves seldom and holes fit others.
    room: u64,
    len: u64,
}

/// All pages of one store.
#[derive(Debug)]
pub(super) struct Pages {
    directory: PathBuf,
    /// Made when the first page has to go.
    file: Option<File>,
    end: u64,
    /// The one used last stands last.
    resident: Vec<Resident>,
    places: Vec<Place>,
    /// Ids of dropped pages.
    free: Vec<PageId>,
    /// Offsets of room that nobody uses, by its size.
    holes: BTreeMap<u64, Vec<u64>>,
}

impl Pages {
    pub(super) fn new() -> Self {
        Self::in_directory(std::env::temp_dir())
    }

    fn in_directory(directory: PathBuf) -> Self {
        Pages {
            directory,
            file: None,
            end: 0,
            resident: Vec::new(),
            places: Vec::new(),
            free: Vec::new(),
            holes: BTreeMap::new(),
        }
    }

    /// A new, empty page.
    pub(super) fn add(&mut self) -> PageId {
        self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            PageId(self.places.len() as u32 - 1)
        })
    }

    /// Gives up a page and its room.
    pub(super) fn remove(&mut self, id: PageId) {
        self.resident.retain(|r| r.id != id);
        let place = std::mem::take(&mut self.places[id.0 as usize]);
        self.give_up(place);
        self.free.push(id);
    }

    /// The records of a page, to read.
    pub(super) fn read(&mut self, id: PageId) -> Result<&Page> {
        Ok(&self.load(id)?.page)
    }

    /// The records of a page, to change.
    pub(super) fn change(&mut self, id: PageId) -> Result<&mut Page> {
        let resident = self.load(id)?;
        resident.changed = true;
        Ok(&mut resident.page)
    }

    /// Bytes held in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let records = self.resident.iter().flat_map(|r| &r.page);
        records
            .map(|r| r.capacity() + size_of_val(r))
            .sum::<usize>()
            + self.places.capacity() * size_of::<Place>()
    }

    /// Makes a page resident and the last to be sent away.
    fn load(&mut self, id: PageId) -> Result<&mut Resident> {
        let found = match self.resident.iter().position(|r| r.id == id) {
            Some(at) => self.resident.remove(at),
            None => {
                self.make_room()?;
                Resident {
                    id,
                    page: self.fetch(id)?,
                    changed: false,
                }
            }
        };
        self.resident.push(found);
        let last = self.resident.len() - 1;
        Ok(&mut self.resident[last])
    }

    /// Sends away the page that was not used for longest, if no other fits into memory.
    fn make_room(&mut self) -> Result<()> {
        if self.resident.len() < RESIDENT {
            return Ok(());
        }
        if self.resident[0].changed {
            let mut bytes = Vec::new();
            element::encode(&self.resident[0].page, &mut bytes)?;
            self.store(self.resident[0].id, &bytes)?;
        }
        self.resident.remove(0);
        Ok(())
    }

    fn fetch(&mut self, id: PageId) -> Result<Page> {
        let place = self.places[id.0 as usize];
        if place.room == 0 {
            return Ok(Page::new());
        }
        let mut bytes = vec![0; place.len as usize];
        self.with_file("read", |file| {
            file.seek(SeekFrom::Start(place.offset))?;
            file.read_exact(&mut bytes)
        })?;
        element::decode(&mut bytes.as_slice())
    }

    fn store(&mut self, id: PageId, bytes: &[u8]) -> Result<()> {
        let len = bytes.len() as u64;
        let mut place = self.places[id.0 as usize];
        if place.room < len {
            self.give_up(place);
            place = self.find_room(len);
        }
        place.len = len;
        self.places[id.0 as usize] = place;
        self.with_file("write", |file| {
            file.seek(SeekFrom::Start(place.offset))?;
            file.write_all(bytes)
        })
    }

    fn find_room(&mut self, len: u64) -> Place {
        let room = len.next_power_of_two().max(SMALLEST);
        let hole = self.holes.get_mut(&room).and_then(Vec::pop);
        let offset = hole.unwrap_or_else(|| {
            self.end += room;
            self.end - room
        });
        Place { offset, room, len }
    }

    fn give_up(&mut self, place: Place) {
        if place.room > 0 {
            self.holes.entry(place.room).or_default().push(place.offset);
        }
    }

    fn with_file(
        &mut self,
        verb: &str,
        action: impl FnOnce(&mut File) -> IoResult<()>,
    ) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => Ok(file),
            none => tempfile::tempfile_in(&self.directory).map(|file| none.insert(file)),
        };
        file.and_then(action).map_err(|cause| {
            let directory = self.directory.display();
            let remedy = match cause.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    format!("make room in {directory}, or set TMPDIR to a directory on a larger disk")
                }
                ErrorKind::NotFound | ErrorKind::NotADirectory => {
                    format!("create {directory}, or set TMPDIR to a directory that exists")
                }
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    format!("allow writing to {directory}, or set TMPDIR to a directory where this user may write")
                }
                _ => "set TMPDIR to a directory on a local disk that works".to_owned(),
            };
            Error::unavailable(format!("cannot {verb} the temporary file of a slow store in {directory}"))
                .note("state that does not fit into memory is kept there while the pipeline runs")
                .help(remedy)
                .caused_by(cause)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages that do not fit into memory, each record as its page's and its own number say.
    fn fill(pages: &mut Pages, count: usize, len: usize) -> Result<Vec<PageId>> {
        let ids: Vec<PageId> = (0..count).map(|_| pages.add()).collect();
        for (n, id) in ids.iter().enumerate() {
            *pages.change(*id)? = vec![vec![n as u8; len]; 3];
        }
        Ok(ids)
    }

    #[test]
    fn pages_come_back_as_they_were_last_changed() {
        let mut pages = Pages::new();
        let ids = fill(&mut pages, 20, 10).unwrap();
        // Longer and shorter than before: some move to other room, some stay.
        for (n, id) in ids.iter().enumerate() {
            pages.change(*id).unwrap()[1] = vec![7; n * 100];
        }
        for (n, id) in ids.iter().enumerate() {
            let expected = [vec![n as u8; 10], vec![7; n * 100], vec![n as u8; 10]];
            assert_eq!(pages.read(*id).unwrap(), &expected);
        }
        assert!(pages.resident.len() <= RESIDENT);
    }

    #[test]
    fn room_of_removed_pages_is_used_again() {
        let mut pages = Pages::new();
        let mut sizes = Vec::new();
        for _ in 0..5 {
            let ids = fill(&mut pages, 50, 400).unwrap();
            ids.iter().for_each(|id| pages.remove(*id));
            sizes.push(pages.end);
        }
        assert_eq!(sizes, [sizes[0]; 5]);
        assert!(sizes[0] > 0);
        let id = pages.add();
        assert!(pages.read(id).unwrap().is_empty(), "a new page is empty");
    }

    #[test]
    fn few_pages_need_no_file() {
        let mut pages = Pages::in_directory("/does/not/exist".into());
        let ids = fill(&mut pages, RESIDENT, 10).unwrap();
        assert_eq!(pages.read(ids[0]).unwrap().len(), 3);
        assert!(pages.file.is_none());
    }

    #[test]
    fn missing_directory_is_an_error_that_names_the_remedy() {
        let mut pages = Pages::in_directory("/does/not/exist".into());
        let error = fill(&mut pages, RESIDENT + 1, 10).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Unavailable);
        let shown = error.to_string();
        assert!(
            shown.contains("help: create /does/not/exist, or set TMPDIR"),
            "{shown}"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn full_disk_is_an_error_that_names_the_remedy() {
        let mut pages = Pages::in_directory("/tmp".into());
        pages.file = Some(File::options().write(true).open("/dev/full").unwrap());
        let error = fill(&mut pages, RESIDENT + 1, 10).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Unavailable);
        let shown = error.to_string();
        assert!(
            shown.contains("help: make room in /tmp, or set TMPDIR"),
            "{shown}"
        );
    }
}
