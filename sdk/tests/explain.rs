//! `explain` as people see it: golden files of one pipeline in every format, before fusion and with
//! a runner's stages. `UPDATE_GOLDEN=1` writes them anew.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use whitebeam_sdk::graph::{ExplainStage, Format, Graph, NodeKind};
use whitebeam_sdk::source::MemorySource;
use whitebeam_sdk::time::{minutes, seconds};
use whitebeam_sdk::transform::WithLate;
use whitebeam_sdk::trigger::{AfterPane, AfterProcessingTime, AfterWatermark};
use whitebeam_sdk::window::FixedWindows;
use whitebeam_sdk::{PCollection, Pipeline, Timestamp};

type Order = (String, i64, i64);

fn revenue(orders: PCollection<Order>) -> WithLate<(String, i64), (String, i64)> {
    let early = AfterProcessingTime::past_first_element().plus(seconds(10));
    let trigger = AfterWatermark::past_end_of_window()
        .early(early)
        .late(AfterPane::element_count(1));
    orders
        .filter(|(_, cents, _)| *cents > 0)
        .named("Paid")
        .window(
            FixedWindows::of(minutes(1))
                .trigger(trigger)
                .allowed_lateness(seconds(30))
                .accumulating(),
        )
        .map(|(shop, cents, _)| (shop, cents))
        .combine_per_key_with_late(whitebeam_sdk::combine::Sum)
}

fn graph() -> Graph {
    let p = Pipeline::new();
    let orders: Vec<Order> = vec![("UK".to_string(), 500, 5)];
    let orders = p
        .read(
            MemorySource::new(orders)
                .event_time(|(_, _, at)| Timestamp::from_secs(*at))
                .ordered(),
        )
        .named("Orders");
    let (sums, late) = orders.apply("Revenue", revenue);
    let _rated = sums
        .map(|(shop, cents)| (shop, cents as f64 * 1.1))
        .nondeterministic();
    let _lost = late.count_globally_of_late();
    p.finish().unwrap()
}

/// A composite of the test's own, on the late output.
trait CountLate {
    fn count_globally_of_late(self) -> PCollection<u64>;
}

impl CountLate for PCollection<(String, i64)> {
    fn count_globally_of_late(self) -> PCollection<u64> {
        self.combine_globally_without_defaults(whitebeam_sdk::combine::Count)
            .named("Late \"orders\"")
    }
}

/// Stages as a runner might make them: a new one at every grouping, one step left out.
fn stages(graph: &Graph) -> Vec<ExplainStage> {
    let mut stages: Vec<ExplainStage> = Vec::new();
    for node in &graph.nodes()[..graph.nodes().len() - 1] {
        if stages.is_empty() || matches!(node.kind, NodeKind::Group(_)) {
            let name = format!("{} <{}>", stages.len(), node.path);
            stages.push(ExplainStage {
                name,
                nodes: Vec::new(),
            });
        }
        stages.last_mut().unwrap().nodes.push(node.id);
    }
    stages
}

fn check(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        found, expected,
        "{name} differs; UPDATE_GOLDEN=1 accepts it"
    );
}

#[test]
fn a_pipeline_is_explained_as_text_mermaid_and_dot() {
    let graph = graph();
    check("explain.txt", &graph.explain(Format::Text));
    check("explain.mmd", &graph.explain(Format::Mermaid));
    check("explain.dot", &graph.explain(Format::Dot));
}

#[test]
fn stages_of_a_runner_are_drawn_around_their_steps() {
    let graph = graph();
    let stages = stages(&graph);
    let draw = |format| graph.explain_stages(format, &stages);
    check("explain_stages.txt", &draw(Format::Text));
    check("explain_stages.mmd", &draw(Format::Mermaid));
    check("explain_stages.dot", &draw(Format::Dot));
}

#[test]
fn formats_are_chosen_by_name() {
    assert_eq!("mermaid".parse::<Format>().unwrap(), Format::Mermaid);
    assert!("pdf".parse::<Format>().is_err());
}
