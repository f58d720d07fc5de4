//! `Builder`: the graph while it is being built, and the names of its steps.
//!
//! Owns scopes (composites) and the paths that follow from them. Handles share one builder.

use super::problem::{Code, Place, Problem};
use super::{CollectionId, Graph, GraphOptions, Node, NodeId, NodeKind, OutputSpec};
use crate::element::Element;
use crate::erase::{NewBatch, new_batch};
use crate::source::Boundedness;
use crate::window::WindowingStrategy;
use std::collections::HashMap;
use std::panic::Location;

#[derive(Debug, Default)]
pub(crate) struct Builder {
    nodes: Vec<Raw>,
    scopes: Vec<Scope>,
    open: Option<usize>,
    problems: Vec<Problem>,
    pub(crate) options: GraphOptions,
}

#[derive(Debug)]
struct Scope {
    name: String,
    named: bool,
    location: &'static Location<'static>,
    parent: Option<usize>,
    /// Made by a transform of the library, so that `.named` on its result renames it.
    library: bool,
}

#[derive(Debug)]
struct Raw {
    name: String,
    named: bool,
    scope: Option<usize>,
    location: &'static Location<'static>,
    kind: NodeKind,
    nondeterministic: bool,
    inputs: Vec<CollectionId>,
    outputs: Vec<OutputSpec>,
}

/// A node to be added.
pub(crate) struct NewNode {
    pub(crate) name: &'static str,
    pub(crate) location: &'static Location<'static>,
    pub(crate) kind: NodeKind,
    pub(crate) inputs: Vec<CollectionId>,
    pub(crate) outputs: Vec<Output>,
}

/// A collection of a node to be added; what is not said is inherited from the first input.
pub(crate) struct Output {
    type_name: &'static str,
    new_batch: NewBatch,
    pub(crate) windowing: Option<WindowingStrategy>,
    pub(crate) boundedness: Option<Boundedness>,
    pub(crate) tag: String,
}

impl Output {
    pub(crate) fn of<T: Element>() -> Self {
        Output {
            type_name: std::any::type_name::<T>(),
            new_batch: new_batch::<T>,
            windowing: None,
            boundedness: None,
            tag: String::new(),
        }
    }

    pub(crate) fn windowing(mut self, windowing: WindowingStrategy) -> Self {
        self.windowing = Some(windowing);
        self
    }

    pub(crate) fn boundedness(mut self, boundedness: Boundedness) -> Self {
        self.boundedness = Some(boundedness);
        self
    }

    pub(crate) fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = tag.into();
        self
    }
}

impl Builder {
    pub(crate) fn add(&mut self, node: NewNode) -> NodeId {
        let id = NodeId(self.nodes.len());
        let spec = |c: &CollectionId| &self.nodes[c.node.0].outputs[c.port];
        let first = node.inputs.first().map(spec);
        let inherited = first.map_or_else(WindowingStrategy::default, |s| s.windowing.clone());
        let boundedness = node
            .inputs
            .iter()
            .map(|c| spec(c).boundedness)
            .max()
            .unwrap_or(Boundedness::Bounded);
        let outputs = node.outputs.into_iter().map(|o| OutputSpec {
            type_name: o.type_name,
            new_batch: o.new_batch,
            windowing: o.windowing.unwrap_or_else(|| inherited.clone()),
            boundedness: o.boundedness.unwrap_or(boundedness),
            tag: o.tag,
        });
        let raw = Raw {
            name: node.name.to_string(),
            named: false,
            scope: self.open,
            location: node.location,
            kind: node.kind,
            nondeterministic: false,
            outputs: outputs.collect(),
            inputs: node.inputs,
        };
        self.nodes.push(raw);
        id
    }

    pub(crate) fn output(&self, id: CollectionId) -> &OutputSpec {
        &self.nodes[id.node.0].outputs[id.port]
    }

    pub(crate) fn open_scope(
        &mut self,
        name: &str,
        library: bool,
        location: &'static Location<'static>,
    ) {
        if !library {
            self.check_name(name, location);
        }
        self.scopes.push(Scope {
            name: name.to_string(),
            named: !library,
            location,
            parent: self.open,
            library,
        });
        self.open = Some(self.scopes.len() - 1);
    }

    pub(crate) fn close_scope(&mut self) {
        self.open = self.open.and_then(|s| self.scopes[s].parent);
    }

    /// The node's user code is not a function of its input.
    pub(crate) fn nondeterministic(&mut self, node: NodeId) {
        self.nodes[node.0].nondeterministic = true;
    }

    /// Names the step that produced the last node: the outermost library transform around it that
    /// is not open any more, or the node itself.
    pub(crate) fn name(&mut self, node: NodeId, name: &str, location: &'static Location<'static>) {
        self.check_name(name, location);
        let mut renamed = None;
        let mut scope = self.nodes[node.0].scope;
        while let Some(s) = scope
            && scope != self.open
            && self.scopes[s].library
        {
            renamed = Some(s);
            scope = self.scopes[s].parent;
        }
        match renamed {
            Some(s) => {
                self.scopes[s].name = name.to_string();
                self.scopes[s].named = true;
            }
            None => {
                self.nodes[node.0].name = name.to_string();
                self.nodes[node.0].named = true;
            }
        }
    }

    /// Notes what makes the graph meaningless.
    pub(crate) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn check_name(&mut self, name: &str, location: &'static Location<'static>) {
        if name.is_empty() || name.contains('/') {
            let message = format!("`{name}` cannot name a step");
            self.problem(
                Problem::new(Code::BadName, Place::Line(location), message)
                    .note("A step's path is made of names with `/` between them."),
            );
        }
    }

    /// Names that a user gave twice in one scope.
    fn names_given_twice(&self) -> Vec<Problem> {
        let scopes = self.scopes.iter().filter(|s| s.named);
        let scopes = scopes.map(|s| ((s.parent, s.name.as_str()), s.location));
        let nodes = self.nodes.iter().filter(|n| n.named);
        let nodes = nodes.map(|n| ((n.scope, n.name.as_str()), n.location));
        let mut seen: HashMap<_, &'static Location<'static>> = HashMap::new();
        let mut found = Vec::new();
        for (name, location) in scopes.chain(nodes) {
            let Some(first) = seen.get(&name) else {
                seen.insert(name, location);
                continue;
            };
            let message = format!("the name `{}` is given to two steps", name.1);
            found.push(
                Problem::new(Code::NameTwice, Place::Line(location), message)
                    .note(format!(
                        "The first is at {}:{}.",
                        first.file(),
                        first.line()
                    ))
                    .note("A step's path is the identity of its state: it must be its own."),
            );
        }
        found
    }

    /// Paths of all scopes, made unique among siblings: `Map`, `Map-2`, ...
    fn scope_paths(&self) -> Vec<String> {
        let mut seen = HashMap::new();
        let mut paths: Vec<String> = Vec::with_capacity(self.scopes.len());
        for scope in &self.scopes {
            let parent = scope.parent.map(|p| paths[p].as_str());
            let path = unique(join(parent, &scope.name), &mut seen);
            paths.push(path);
        }
        paths
    }

    pub(crate) fn graph(&self) -> Graph {
        let scopes = self.scope_paths();
        let mut seen: HashMap<String, u32> = scopes.iter().map(|s| (s.clone(), 1)).collect();
        let node = |(i, raw): (usize, &Raw)| Node {
            id: NodeId(i),
            path: unique(
                join(raw.scope.map(|s| scopes[s].as_str()), &raw.name),
                &mut seen,
            ),
            named: raw.named,
            location: raw.location,
            kind: raw.kind.clone(),
            nondeterministic: raw.nondeterministic,
            inputs: raw.inputs.clone(),
            outputs: raw.outputs.clone(),
        };
        Graph {
            nodes: self.nodes.iter().enumerate().map(node).collect(),
            options: self.options,
            problems: [self.problems.clone(), self.names_given_twice()].concat(),
        }
    }
}

fn join(parent: Option<&str>, name: &str) -> String {
    parent.map_or_else(|| name.to_string(), |parent| format!("{parent}/{name}"))
}

fn unique(path: String, seen: &mut HashMap<String, u32>) -> String {
    let count = seen.entry(path.clone()).or_insert(0);
    *count += 1;
    match *count {
        1 => path,
        n => unique(format!("{path}-{n}"), seen),
    }
}
