//! Revenue per country and minute. Knows no runner, no source and no sink.

use super::invoice::{InvoiceLine, Kind};
use serde::{Deserialize, Serialize};
use whitebeam::prelude::*;

/// What a country paid in a minute, as far as one pane knows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Revenue {
    pub(crate) country: Str,
    pub(crate) minute: String,
    pub(crate) cents: i64,
    pub(crate) pane_index: u32,
    pub(crate) pane_timing: Str,
}

/// A paid line that came too late to be counted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct LateLine {
    pub(crate) country: Str,
    pub(crate) time: String,
    pub(crate) cents: i64,
}

/// Paid revenue per country and minute. Every late line within `allowed_lateness` corrects its
/// minute by another pane; the lines behind it come out as the second collection.
pub(crate) fn revenue_per_minute(
    lines: PCollection<InvoiceLine>,
    allowed_lateness: Duration,
) -> (PCollection<Revenue>, PCollection<LateLine>) {
    let minutes = FixedWindows::of(minutes(1))
        .allowed_lateness(allowed_lateness)
        .accumulating();
    let minutes = if allowed_lateness.is_positive() {
        minutes.trigger(AfterWatermark::past_end_of_window().late(AfterPane::element_count(1)))
    } else {
        minutes
    };
    let (revenue, late) = lines
        .filter(|line| line.kind == Kind::Paid)
        .named("Paid")
        .with_timestamps(|line| line.at)
        .window(minutes)
        .map(|line| (line.country, line.cents))
        .combine_per_key_with_late(Sum);
    let revenue = revenue
        .named("Sum")
        .map_with(|(country, cents), at| Revenue {
            country,
            minute: at.window().start().to_string(),
            cents,
            pane_index: at.pane().index,
            pane_timing: at.pane().timing.name().into(),
        });
    let late = late.map_with(|(country, cents), at| LateLine {
        country,
        time: at.timestamp().to_string(),
        cents,
    });
    (revenue.named("Rows"), late.named("Late"))
}
