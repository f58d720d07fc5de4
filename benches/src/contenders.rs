//! Who runs which query: the table that measuring and reporting go by.
//!
//! Owns the queries, the roles and the list of contenders. Deliberately knows nothing of clocks or tables of figures.
//! The invariant: of one query, all contenders whose answer is [`Answer::Compared`] return the same checksum.
//!
//! An engine joins by adding its contenders to [`contenders`].

use crate::events::Ev;
use crate::{limit, renoir_peer, timely_peer, whitebeam_rows};

/// What is asked. `checksum` defines the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Query {
    Q0,
    Q1,
    Q2,
    Q5,
    Q7,
    Q8,
    Q11,
    /// Count per key in fixed windows with early and late firings. Its limit is Whitebeam's own cost of the same
    /// count under the default trigger.
    Triggers,
}

impl Query {
    pub(crate) const ALL: [Query; 8] = [
        Query::Q0,
        Query::Q1,
        Query::Q2,
        Query::Q5,
        Query::Q7,
        Query::Q8,
        Query::Q11,
        Query::Triggers,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Query::Q0 => "q0",
            Query::Q1 => "q1",
            Query::Q2 => "q2",
            Query::Q5 => "q5",
            Query::Q7 => "q7",
            Query::Q8 => "q8",
            Query::Q11 => "q11",
            Query::Triggers => "triggers",
        }
    }
}

/// Another engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Timely,
    Renoir,
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::Timely => "timely",
            Peer::Renoir => "renoir",
        }
    }
}

/// What a contender's figure is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// What ratios are taken to.
    Limit,
    /// Shown, used for nothing.
    Reference,
    Peer(Peer),
    /// Whitebeam's figure of the benchmark of this name, see `goals`.
    Whitebeam(&'static str),
}

/// Which clock tells the CPU time of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// All work is done on the calling thread.
    Thread,
    /// The engine starts threads of its own, while the calling thread sleeps.
    Process,
}

/// Whether a contender answers the query as `checksum` defines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Compared,
    /// By design it answers something close to it, at a comparable cost.
    CostOnly,
}

/// One engine on one query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contender {
    pub(crate) query: Query,
    /// The column of the report.
    pub(crate) column: &'static str,
    pub(crate) role: Role,
    pub(crate) clock: Clock,
    pub(crate) answer: Answer,
    pub(crate) run: fn(&'static [Ev]) -> u64,
}

/// Every contender, query by query, so that engines compared with each other run next to each other.
pub(crate) fn contenders() -> Vec<Contender> {
    let mut all = Vec::new();
    all.extend(limits());
    all.extend(references());
    all.extend(timely());
    all.extend(renoir());
    all.extend(whitebeam());
    all.sort_by_key(|contender| contender.query);
    all
}

fn limits() -> [Contender; 7] {
    let limit = |query, run| Contender {
        query,
        column: "limit",
        role: Role::Limit,
        clock: Clock::Thread,
        answer: Answer::Compared,
        run,
    };
    [
        limit(Query::Q0, limit::q0),
        limit(Query::Q1, limit::q1),
        limit(Query::Q2, limit::q2),
        limit(Query::Q5, limit::q5),
        limit(Query::Q7, limit::q7),
        limit(Query::Q8, limit::q8),
        limit(Query::Q11, limit::q11),
    ]
}

fn references() -> [Contender; 3] {
    let reference = |query, run| Contender {
        query,
        column: "hash map",
        role: Role::Reference,
        clock: Clock::Thread,
        answer: Answer::Compared,
        run,
    };
    [
        reference(Query::Q5, limit::maps::q5),
        reference(Query::Q8, limit::maps::q8),
        reference(Query::Q11, limit::maps::q11),
    ]
}

fn timely() -> [Contender; 11] {
    let timely = |query, column, run| Contender {
        query,
        column,
        role: Role::Peer(Peer::Timely),
        clock: Clock::Thread,
        answer: Answer::Compared,
        run,
    };
    let (plain, tuned) = ("timely", "timely tuned");
    [
        timely(Query::Q0, plain, timely_peer::q0),
        timely(Query::Q1, plain, timely_peer::q1),
        timely(Query::Q1, tuned, timely_peer::q1_tuned),
        timely(Query::Q2, plain, timely_peer::q2),
        timely(Query::Q2, tuned, timely_peer::q2_tuned),
        timely(Query::Q5, plain, timely_peer::q5),
        timely(Query::Q5, tuned, timely_peer::q5_tuned),
        timely(Query::Q7, plain, timely_peer::q7),
        timely(Query::Q7, tuned, timely_peer::q7_tuned),
        timely(Query::Q8, plain, timely_peer::q8),
        timely(Query::Q8, tuned, timely_peer::q8_tuned),
    ]
}

fn renoir() -> [Contender; 6] {
    let renoir = |query, answer, run| Contender {
        query,
        column: "renoir",
        role: Role::Peer(Peer::Renoir),
        clock: Clock::Process,
        answer,
        run,
    };
    [
        renoir(Query::Q0, Answer::Compared, renoir_peer::q0),
        renoir(Query::Q1, Answer::Compared, renoir_peer::q1),
        renoir(Query::Q2, Answer::Compared, renoir_peer::q2),
        renoir(Query::Q5, Answer::CostOnly, renoir_peer::q5),
        renoir(Query::Q7, Answer::Compared, renoir_peer::q7),
        renoir(Query::Q8, Answer::CostOnly, renoir_peer::q8),
    ]
}

fn whitebeam() -> Vec<Contender> {
    let row = |name, query, run| Contender {
        query,
        column: "whitebeam",
        role: Role::Whitebeam(name),
        clock: Clock::Thread,
        answer: Answer::Compared,
        run,
    };
    // What early and late firings cost is measured against the same count without them.
    let default_trigger = Contender {
        column: "limit",
        role: Role::Limit,
        ..row("", Query::Triggers, whitebeam_rows::triggers_default)
    };
    vec![
        row("q0", Query::Q0, whitebeam_rows::q0),
        row("q1", Query::Q1, whitebeam_rows::q1),
        row("q1_separate", Query::Q1, whitebeam_rows::q1_separate),
        row("q2", Query::Q2, whitebeam_rows::q2),
        row("q2_separate", Query::Q2, whitebeam_rows::q2_separate),
        row("q5", Query::Q5, whitebeam_rows::q5),
        row("q5_unordered", Query::Q5, whitebeam_rows::q5_unordered),
        row("q7", Query::Q7, whitebeam_rows::q7),
        row("q7_unordered", Query::Q7, whitebeam_rows::q7_unordered),
        row("q8", Query::Q8, whitebeam_rows::q8),
        row("q8_unordered", Query::Q8, whitebeam_rows::q8_unordered),
        row("q11", Query::Q11, whitebeam_rows::q11),
        default_trigger,
        row("triggers", Query::Triggers, whitebeam_rows::triggers),
    ]
}
