//! `Store`: the checkpoint directory.
//!
//! Owns manifests and the notes that an epoch's log is gone. Invariant: where an epoch has one slot,
//! what lies in it never changes.

/// What is durable beside Kafka. A maker is a process's number plus one; zero is nobody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Store {
    /// Who published the manifest of each epoch.
    slots: [u8; 2],
    /// Whose first epoch the manifest of the second builds on.
    parent: u8,
    /// Epochs up to this one have no log any more.
    pub(super) noted: u8,
    /// The producer that the newest manifest names is still the newest (two phases only).
    pub(super) is_prepared: bool,
}

impl Store {
    pub(super) fn newest(&self) -> u8 {
        self.slots.iter().filter(|maker| **maker != 0).count() as u8
    }

    /// Who made each epoch, as a process that starts now finds it.
    pub(super) fn makers(&self) -> [u8; 2] {
        match self.slots {
            [first, 0] => [first, 0],
            [_, second] => [self.parent, second],
        }
    }

    /// Publishes `epoch` of `makers`; false if somebody else was first.
    pub(super) fn publish(&mut self, epoch: u8, makers: [u8; 2], has_one_slot: bool) -> bool {
        let (slot, maker) = (
            &mut self.slots[usize::from(epoch) - 1],
            makers[usize::from(epoch) - 1],
        );
        if has_one_slot && *slot != 0 {
            return false;
        }
        // Without one slot per epoch, who starts takes the manifest of the newest process.
        if maker > *slot {
            *slot = maker;
            if epoch == 2 {
                self.parent = makers[0];
            }
        }
        true
    }
}
