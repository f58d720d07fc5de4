//! One node of a stage: its run-time body, its edges and its watermarks.
//!
//! Owns plain state; the stage moves it.

use whitebeam_sdk::erase::{ErasedBatch, ErasedWriter, Port, Step};
use whitebeam_sdk::graph::NodeId;
use whitebeam_sdk::{Error, Result, Timestamp};

/// Where batches leave a stage towards other stages.
pub trait Outlet: Send {
    /// Takes a batch and leaves it empty.
    fn take(&mut self, batch: &mut dyn ErasedBatch) -> Result<()>;
    /// False while what was taken must go on first. A stage then parks what it has for its outlets
    /// until [`Stage::resume`](super::Stage::resume) finds room again.
    fn has_room(&self) -> bool {
        true
    }
    /// Sends on what was taken, however little it is.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
    /// Nothing more comes.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What a node of a stage is at run time.
pub enum Body {
    /// A step.
    Step(Box<dyn Step>),
    /// A sink's writer.
    Writer(Box<dyn ErasedWriter>),
    /// The way to another stage.
    Outlet(Box<dyn Outlet>),
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Body::Step(_) => "step",
            Body::Writer(_) => "writer",
            Body::Outlet(_) => "outlet",
        })
    }
}

/// What a stage is made of.
#[derive(Debug)]
pub struct NodeSpec {
    /// The graph node it stands for.
    pub id: NodeId,
    /// The node's path.
    pub path: String,
    /// `file:line` of the user code that made it.
    pub line: String,
    /// What runs.
    pub body: Body,
    /// Empty batches, one per output.
    pub outs: Vec<Box<dyn ErasedBatch>>,
    /// Who reads each output: (index in the stage, port).
    pub consumers: Vec<Vec<(usize, Port)>>,
}

/// Names a node in errors.
#[derive(Clone, Debug)]
pub(super) struct Context {
    path: String,
    line: String,
}

impl Context {
    pub(super) fn place(&self, e: Error) -> Error {
        e.at_step(self.path.clone()).at_line(self.line.clone())
    }
}

/// The edges that arrive at one port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input {
    pub(super) watermark: Timestamp,
    connected: bool,
}

pub(super) struct StageNode {
    pub(super) id: NodeId,
    pub(super) path: String,
    pub(super) context: Context,
    pub(super) body: Body,
    pub(super) outs: Vec<Box<dyn ErasedBatch>>,
    pub(super) consumers: Vec<Vec<(usize, Port)>>,
    pub(super) inputs: Vec<Input>,
    /// The input watermark that the step was last told.
    pub(super) seen_watermark: Timestamp,
    pub(super) output_watermark: Timestamp,
    /// `start_bundle` was called and `finish_bundle` was not.
    pub(super) in_bundle: bool,
    /// A clock moved and the step has more to emit for it.
    pub(super) emitting: bool,
    pub(super) elements_in: u64,
    pub(super) elements_out: u64,
}

impl StageNode {
    pub(super) fn new(spec: NodeSpec) -> Self {
        StageNode {
            id: spec.id,
            context: Context {
                path: spec.path.clone(),
                line: spec.line,
            },
            path: spec.path,
            body: spec.body,
            outs: spec.outs,
            consumers: spec.consumers,
            inputs: Vec::new(),
            seen_watermark: Timestamp::MIN,
            output_watermark: Timestamp::MIN,
            in_bundle: false,
            emitting: false,
            elements_in: 0,
            elements_out: 0,
        }
    }

    /// An edge arrives at `port`.
    pub(super) fn connect(&mut self, port: Port) {
        let unconnected = Input {
            watermark: Timestamp::MIN,
            connected: false,
        };
        if self.inputs.len() <= port {
            self.inputs.resize(port + 1, unconnected);
        }
        self.inputs[port].connected = true;
    }

    pub(super) fn input_watermark(&self) -> Timestamp {
        let connected = self.inputs.iter().filter(|i| i.connected);
        connected
            .map(|i| i.watermark)
            .min()
            .unwrap_or(Timestamp::MIN)
    }

    /// Whether taking a batch can put something out.
    pub(super) fn may_emit(&self) -> bool {
        match &self.body {
            // Beside its panes, a grouping may put out what was too late.
            Body::Step(step) => step.emits() || self.outs.len() > 1,
            Body::Writer(_) => false,
            Body::Outlet(_) => true,
        }
    }

    /// Elements may come now, whatever is still to be emitted.
    pub(super) fn takes_now(&self) -> bool {
        !self.emitting || self.step().is_none_or(Step::takes_amid)
    }

    /// What is still to be emitted can be written down now.
    pub(super) fn saves_now(&self) -> bool {
        !self.emitting || self.step().is_none_or(Step::saves_amid)
    }

    pub(super) fn step(&self) -> Option<&dyn Step> {
        match &self.body {
            Body::Step(step) => Some(step.as_ref()),
            _ => None,
        }
    }

    pub(super) fn place(&self, e: Error) -> Error {
        self.context.place(e)
    }
}
