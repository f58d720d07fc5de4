//! Kafka and PostgreSQL, where the program was built without them: an error that says how to get them.

use whitebeam::Result;
use whitebeam::prelude::*;

fn left_out<T>(option: &str, feature: &str) -> Result<T> {
    let what = format!("{option}: this program was built without {feature}");
    Err(Error::unavailable(what).help(format!("build it with `--features {feature}`")))
}

/// Stands for `topics`.
#[cfg(not(feature = "kafka"))]
pub(crate) mod topics {
    use super::super::feed::Numbered;
    use super::super::invoice::InvoiceLine;
    use super::super::per_minute::Revenue;
    use super::left_out;
    use whitebeam::Result;
    use whitebeam::io::log::LogPlace;
    use whitebeam::prelude::*;

    pub(crate) fn produce(
        _: &str,
        _: &str,
        _: u32,
        _: Option<u32>,
        _: Vec<Numbered>,
        _: u32,
    ) -> Result<u64> {
        left_out("--brokers", "kafka")
    }

    pub(crate) fn read(
        _: &Pipeline,
        _: &str,
        _: &str,
        _: LogPlace,
    ) -> Result<PCollection<InvoiceLine>> {
        left_out("--topic", "kafka")
    }

    pub(crate) fn write(
        _: PCollection<Revenue>,
        _: &str,
        _: &str,
        _: Option<Duration>,
    ) -> Result<()> {
        left_out("--to-topic", "kafka")
    }
}

/// Stands for `tables`.
#[cfg(not(feature = "postgres"))]
pub(crate) mod tables {
    use super::super::per_minute::Revenue;
    use super::left_out;
    use whitebeam::Result;
    use whitebeam::prelude::*;

    pub(crate) fn write(_: PCollection<Revenue>, _: &str) -> Result<()> {
        left_out("--to-postgres", "postgres")
    }
}
