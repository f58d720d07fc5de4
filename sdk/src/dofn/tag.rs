//! `Tag`: a typed name of a further output.
//!
//! Owns how tags are declared where a DoFn is applied, and their collections. Invariant: a tag
//! names one element type; another type under the same name is another, undeclared, tag.

use crate::element::Element;
use crate::erase::Port;
use crate::graph::{NodeId, Output};
use crate::pcollection::PCollection;
use crate::pipeline::Pipeline;
use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;

/// Names an output of elements of type `T` beside the main one.
pub struct Tag<T> {
    name: &'static str,
    element: PhantomData<fn() -> T>,
}

impl<T> Tag<T> {
    /// The output `name`.
    pub const fn new(name: &'static str) -> Self {
        Tag {
            name,
            element: PhantomData,
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl<T> Clone for Tag<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Tag<T> {}

impl<T> fmt::Debug for Tag<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({}: {})", self.name, std::any::type_name::<T>())
    }
}

/// A tag without its type, as a step keeps it.
#[derive(Clone, Copy)]
pub struct DeclaredTag {
    name: &'static str,
    element: TypeId,
    output: fn() -> Output,
}

impl fmt::Debug for DeclaredTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl DeclaredTag {
    fn of<T: Element>(tag: Tag<T>) -> Self {
        DeclaredTag {
            name: tag.name,
            element: TypeId::of::<T>(),
            output: Output::of::<T>,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn output(&self) -> Output {
        (self.output)().tag(self.name)
    }

    pub(super) fn is<T: 'static>(&self, tag: Tag<T>) -> bool {
        self.name == tag.name && self.element == TypeId::of::<T>()
    }
}

/// The node whose further outputs become collections.
#[derive(Debug)]
pub struct TaggedNode<'a> {
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) node: NodeId,
}

impl TaggedNode<'_> {
    fn collection<T: Element>(&self, port: Port) -> PCollection<T> {
        PCollection::at(self.pipeline, self.node, port)
    }
}

/// Tags declared together: one, or a tuple of up to four.
pub trait Tags {
    /// Their collections, in the same order.
    type Collections;
    /// The tags without their types.
    fn declared(&self) -> Vec<DeclaredTag>;
    /// Their collections at `node`.
    fn collections(&self, node: &TaggedNode<'_>) -> Self::Collections;
}

impl<A: Element> Tags for Tag<A> {
    type Collections = PCollection<A>;
    fn declared(&self) -> Vec<DeclaredTag> {
        vec![DeclaredTag::of(*self)]
    }
    fn collections(&self, node: &TaggedNode<'_>) -> PCollection<A> {
        node.collection(1)
    }
}

macro_rules! tags_tuple {
    ($($t:ident $at:tt),+) => {
        impl<$($t: Element),+> Tags for ($(Tag<$t>,)+) {
            type Collections = ($(PCollection<$t>,)+);
            fn declared(&self) -> Vec<DeclaredTag> {
                vec![$(DeclaredTag::of(self.$at)),+]
            }
            fn collections(&self, node: &TaggedNode<'_>) -> Self::Collections {
                ($(node.collection::<$t>($at + 1),)+)
            }
        }
    };
}

tags_tuple!(A 0);
tags_tuple!(A 0, B 1);
tags_tuple!(A 0, B 1, C 2);
tags_tuple!(A 0, B 1, C 2, D 3);
