//! `Coordinator`: transactional ids, their epochs, and the states of their transactions.
//!
//! Owns the decisions of Apache Kafka's `TransactionCoordinator` as a client without KIP-890 meets
//! them. Does not own partitions or time: it says which markers to write, and is told when they are.
//! Invariant: the epoch of an id never falls, and who holds an older one changes nothing.
//!
//! A late end of a transaction by the *same* epoch ends whatever transaction that epoch has open by
//! then: Kafka before KIP-890 cannot tell them apart. A producer that is used for one transaction
//! alone cannot be hurt by it.

use super::partition::{Fate, Pid};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A partition by name.
pub(super) type Place = (String, u32);

/// What a client holds of a transactional id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Holder {
    pub(super) id: String,
    pub(super) pid: Pid,
    pub(super) epoch: u32,
}

/// The state of a transactional id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransactionState {
    /// It has not begun one since it was given out.
    Empty,
    /// Records were written.
    Ongoing,
    /// Decided, and not all markers are written.
    PrepareCommit,
    /// Decided, and not all markers are written.
    PrepareAbort,
    /// Over.
    CompleteCommit,
    /// Over.
    CompleteAbort,
}

use TransactionState as State;

#[derive(Debug)]
struct Transaction {
    pid: Pid,
    epoch: u32,
    state: State,
    /// Partitions written to; when it is decided, those without a marker.
    places: BTreeSet<Place>,
    timeout: Duration,
    /// Counts transactions, so that a timeout knows its own.
    serial: u64,
}

/// What was answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer<T> {
    Done(T),
    /// Another transaction of the id is not over yet: ask again.
    Concurrent,
    /// A newer producer holds the id, or the transaction was ended for its age.
    Fenced,
    /// There is nothing open that could be ended so.
    State,
}

/// Markers that are to be written.
#[derive(Clone, Debug)]
pub(super) struct Markers {
    pub(super) by: Holder,
    pub(super) fate: Fate,
    pub(super) places: Vec<Place>,
}

/// A transaction that will be ended at some time if it is still open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Expiry {
    pub(super) id: String,
    pub(super) serial: u64,
    pub(super) after: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Coordinator {
    ids: BTreeMap<String, Transaction>,
    pids: Pid,
}

impl Coordinator {
    /// Gives an id to a newcomer. If its last holder left something open, that is aborted first: the
    /// markers to write, and the newcomer has to ask again.
    pub(super) fn init(
        &mut self,
        id: &str,
        timeout: Duration,
    ) -> (Answer<Holder>, Option<Markers>) {
        let Some(transaction) = self.ids.get_mut(id) else {
            self.pids += 1;
            let (pid, epoch) = (self.pids, 0);
            let transaction = Transaction {
                pid,
                epoch,
                state: State::Empty,
                places: BTreeSet::new(),
                timeout,
                serial: 0,
            };
            self.ids.insert(id.to_owned(), transaction);
            let id = id.to_owned();
            return (Answer::Done(Holder { id, pid, epoch }), None);
        };
        match transaction.state {
            State::PrepareCommit | State::PrepareAbort => (Answer::Concurrent, None),
            State::Ongoing => {
                let markers = transaction.fence(id);
                (Answer::Concurrent, Some(markers))
            }
            State::Empty | State::CompleteCommit | State::CompleteAbort => {
                transaction.epoch += 1;
                transaction.state = State::Empty;
                transaction.timeout = timeout;
                (Answer::Done(transaction.holder(id)), None)
            }
        }
    }

    /// Takes a partition into the transaction of a holder, which begins with it; the expiry if it
    /// did begin.
    pub(super) fn add(&mut self, by: &Holder, place: &Place) -> Answer<Option<Expiry>> {
        let Some(transaction) = self.held(by) else {
            return Answer::Fenced;
        };
        match transaction.state {
            State::PrepareCommit | State::PrepareAbort => return Answer::Concurrent,
            State::Ongoing => {
                transaction.places.insert(place.clone());
                return Answer::Done(None);
            }
            State::Empty | State::CompleteCommit | State::CompleteAbort => {}
        }
        transaction.state = State::Ongoing;
        transaction.places = BTreeSet::from([place.clone()]);
        transaction.serial += 1;
        Answer::Done(Some(Expiry {
            id: by.id.clone(),
            serial: transaction.serial,
            after: transaction.timeout,
        }))
    }

    /// Ends the transaction of a holder; the markers to write if that is news.
    pub(super) fn end(&mut self, by: &Holder, fate: Fate) -> Answer<Option<Markers>> {
        let Some(transaction) = self.held(by) else {
            return Answer::Fenced;
        };
        match (transaction.state, fate) {
            (State::Ongoing, _) => Answer::Done(Some(transaction.decide(&by.id, fate))),
            (State::PrepareCommit, Fate::Committed) | (State::PrepareAbort, Fate::Aborted) => {
                Answer::Concurrent
            }
            (State::CompleteCommit, Fate::Committed) | (State::CompleteAbort, Fate::Aborted) => {
                Answer::Done(None)
            }
            _ => Answer::State,
        }
    }

    /// Ends a transaction for its age, if it is the one that is meant.
    pub(super) fn expire(&mut self, expiry: &Expiry) -> Option<Markers> {
        let transaction = self.ids.get_mut(&expiry.id)?;
        let is_it = transaction.serial == expiry.serial && transaction.state == State::Ongoing;
        is_it.then(|| transaction.fence(&expiry.id))
    }

    /// What is open now, as if each were too old.
    pub(super) fn open(&self) -> Vec<Expiry> {
        let open = self.ids.iter().filter(|(_, t)| t.state == State::Ongoing);
        let open = open.map(|(id, transaction)| Expiry {
            id: id.clone(),
            serial: transaction.serial,
            after: Duration::ZERO,
        });
        open.collect()
    }

    /// A partition has its marker, or will never have it and nobody knows. Whether that was the last.
    pub(super) fn marked(&mut self, id: &str, place: &Place) -> bool {
        let Some(transaction) = self.ids.get_mut(id) else {
            return false;
        };
        transaction.places.remove(place);
        let complete = match transaction.state {
            State::PrepareCommit => State::CompleteCommit,
            State::PrepareAbort => State::CompleteAbort,
            _ => return false,
        };
        if transaction.places.is_empty() {
            transaction.state = complete;
        }
        transaction.places.is_empty()
    }

    pub(super) fn state(&self, id: &str) -> Option<State> {
        self.ids.get(id).map(|transaction| transaction.state)
    }

    /// Whether a partition may hold records of this producer open, as far as is known here.
    pub(super) fn expects_open(&self, pid: Pid, place: &Place) -> bool {
        let mut transactions = self.ids.values();
        transactions.any(|t| t.pid == pid && t.places.contains(place))
    }

    pub(super) fn pids(&self) -> impl Iterator<Item = Pid> {
        self.ids.values().map(|transaction| transaction.pid)
    }

    fn held(&mut self, by: &Holder) -> Option<&mut Transaction> {
        let transaction = self.ids.get_mut(&by.id)?;
        (transaction.pid == by.pid && transaction.epoch == by.epoch).then_some(transaction)
    }
}

impl Transaction {
    fn holder(&self, id: &str) -> Holder {
        Holder {
            id: id.to_owned(),
            pid: self.pid,
            epoch: self.epoch,
        }
    }

    /// Aborts under the next epoch, so that the holder of this one can do nothing any more.
    fn fence(&mut self, id: &str) -> Markers {
        self.epoch += 1;
        self.decide(id, Fate::Aborted)
    }

    fn decide(&mut self, id: &str, fate: Fate) -> Markers {
        self.state = match fate {
            Fate::Committed => State::PrepareCommit,
            _ => State::PrepareAbort,
        };
        Markers {
            by: self.holder(id),
            fate,
            places: self.places.iter().cloned().collect(),
        }
    }
}
