//! `Problem`: something that makes a graph meaningless, before it has its final form.
//!
//! Owns the codes and where a problem is. Shown as [`Error`]s only when the graph is finished,
//! since paths are known only then.

use super::{Graph, NodeId};
use crate::error::{Error, ErrorKind};
use std::panic::Location;

/// The codes of all problems, as `docs/errors.md` lists them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Code {
    /// Two steps of one scope were given one name.
    NameTwice,
    /// Collections of different pipelines were combined.
    OtherPipeline,
    /// A window's size, period or gap is not positive.
    WindowSize,
    /// An allowed lateness is negative.
    NegativeLateness,
    /// A trigger on windows that end, without a word on lateness.
    LatenessUnsaid,
    /// Several panes, without a word on what each holds.
    AccumulationUnsaid,
    /// A grouping that would never emit.
    NeverEmits,
    /// A trigger that may finish and drop what comes later.
    UnsafeTrigger,
    /// Inputs in different windows.
    OtherWindows,
    /// Inputs under different triggers.
    OtherTriggers,
    /// A default result per window, of which there are infinitely many.
    DefaultsInWindows,
    /// A trigger that cannot mean anything.
    TriggerShape,
    /// One tag twice.
    TagTwice,
    /// No parts, or nothing to put together.
    Nothing,
    /// A name that cannot be part of a path.
    BadName,
}

impl Code {
    /// As shown, such as `P007`.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Code::NameTwice => "P001",
            Code::OtherPipeline => "P002",
            Code::WindowSize => "P003",
            Code::NegativeLateness => "P004",
            Code::LatenessUnsaid => "P005",
            Code::AccumulationUnsaid => "P006",
            Code::NeverEmits => "P007",
            Code::UnsafeTrigger => "P008",
            Code::OtherWindows => "P009",
            Code::OtherTriggers => "P010",
            Code::DefaultsInWindows => "P011",
            Code::TriggerShape => "P012",
            Code::TagTwice => "P013",
            Code::Nothing => "P014",
            Code::BadName => "P015",
        }
    }

    /// What always helps, for problems that know nothing nearer.
    fn remedy(self) -> &'static str {
        match self {
            Code::NameTwice => "give one of them another name: .named(..), or p.apply(..)",
            Code::OtherPipeline => "read all inputs from one Pipeline",
            Code::WindowSize => "give a positive duration, such as minutes(1)",
            Code::NegativeLateness => "drop what comes late: .allowed_lateness(Duration::ZERO)",
            Code::LatenessUnsaid => "say how late is too late: .allowed_lateness(..)",
            Code::AccumulationUnsaid => "choose .accumulating() or .discarding()",
            Code::NeverEmits => "window first: .window(FixedWindows::of(minutes(5)))",
            Code::UnsafeTrigger => "fire again and again: repeatedly(..)",
            Code::OtherWindows => "give all of them the same .window(..) first",
            Code::OtherTriggers => "give all of them the same trigger first",
            Code::DefaultsInWindows => "combine only what there is: ..without_defaults(..)",
            Code::TriggerShape => {
                "count at least one element, wait no negative time, name a trigger"
            }
            Code::TagTwice => "declare one tag for each output",
            Code::Nothing => "give at least one",
            Code::BadName => "choose a name without `/`; p.apply(..) makes paths",
        }
    }
}

/// Where a problem is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Node(NodeId),
    Line(&'static Location<'static>),
}

/// Something that makes a graph meaningless.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(super) code: Code,
    place: Place,
    message: String,
    notes: Vec<String>,
    help: Vec<String>,
}

impl Problem {
    pub(crate) fn new(code: Code, place: Place, message: impl Into<String>) -> Self {
        Problem {
            code,
            place,
            message: message.into(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// The error that a user reads.
    pub(super) fn shown(&self, graph: &Graph) -> Error {
        let error = Error::new(ErrorKind::InvalidPipeline, self.message.clone())
            .with_code(self.code.text());
        let error = match self.place {
            Place::Node(id) => {
                let node = graph.node(id);
                error.at_step(node.path.clone()).at_line(node.line())
            }
            Place::Line(at) => error.at_line(format!("{}:{}", at.file(), at.line())),
        };
        let error = self.notes.iter().fold(error, |e, note| e.note(note));
        if self.help.is_empty() {
            return error.help(self.code.remedy());
        }
        self.help.iter().fold(error, |e, help| e.help(help))
    }
}
