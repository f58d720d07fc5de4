//! `Clerk`: does jobs that may take long, one after the other, away from the workers.
//!
//! Owns the two queues between who asks and who does. Checkpoints are written and epochs committed
//! by clerks: on threads of their own in earnest, as machines among others in simulation.

use crate::exchange::Bell;
use crate::machine::{Machine, Turn};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
struct Queues<J, R> {
    jobs: VecDeque<J>,
    results: VecDeque<R>,
    is_closed: bool,
}

/// Between who asks and the clerk.
#[derive(Debug)]
pub(crate) struct Desk<J, R> {
    queues: Mutex<Queues<J, R>>,
    clerk: Arc<Bell>,
    customer: Arc<Bell>,
}

impl<J, R> Desk<J, R> {
    /// A desk; `customer` is rung for results.
    pub(crate) fn new(customer: Arc<Bell>) -> Self {
        Desk {
            queues: Mutex::new(Queues {
                jobs: VecDeque::new(),
                results: VecDeque::new(),
                is_closed: false,
            }),
            clerk: Arc::default(),
            customer,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queues<J, R>> {
        // Nothing can fail while the lock is held.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for `job` to be done.
    pub(crate) fn ask(&self, job: J) {
        self.lock().jobs.push_back(job);
        self.clerk.ring();
    }

    /// The next result.
    pub(crate) fn answer(&self) -> Option<R> {
        self.lock().results.pop_front()
    }

    /// Nothing more will be asked.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.clerk.ring();
    }
}

/// Does the jobs of one desk.
pub(crate) struct Clerk<J, R> {
    desk: Arc<Desk<J, R>>,
    does: Box<dyn FnMut(J) -> R + Send>,
}

impl<J, R> Clerk<J, R> {
    /// Does jobs by `does`.
    pub(crate) fn new(desk: Arc<Desk<J, R>>, does: impl FnMut(J) -> R + Send + 'static) -> Self {
        Clerk {
            desk,
            does: Box::new(does),
        }
    }
}

impl<J: Send, R: Send> Machine for Clerk<J, R> {
    fn turn(&mut self) -> Turn {
        let (job, is_closed) = {
            let mut queues = self.desk.lock();
            (queues.jobs.pop_front(), queues.is_closed)
        };
        let Some(job) = job else {
            return if is_closed {
                Turn::Over
            } else {
                Turn::Idle(None)
            };
        };
        let result = (self.does)(job);
        self.desk.lock().results.push_back(result);
        self.desk.customer.ring();
        Turn::Worked
    }

    fn bell(&self) -> &Arc<Bell> {
        &self.desk.clerk
    }
}
