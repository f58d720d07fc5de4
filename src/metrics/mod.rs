//! A running pipeline's numbers over HTTP, as Prometheus reads them.
//!
//! Owns the endpoint; what is said there stands in `exposition`. Does not own the numbers: they are
//! the runner's, which is asked anew by every scrape. Invariant: whoever scrapes, however often and
//! however slowly, the run waits for nobody.
//!
//! ```
//! use whitebeam::metrics::Endpoint;
//! use whitebeam::runners::StreamingRunner;
//! # fn main() -> whitebeam::Result<()> {
//! # let pipeline = whitebeam::Pipeline::new();
//! # let _ = pipeline.create(0..10u64).count_per_element();
//! let runner = StreamingRunner::new();
//! // Or a port of your own; 0 is any that is free.
//! let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
//! let endpoint = Endpoint::open(address, runner.metrics())?;
//! println!("metrics: http://{}/metrics", endpoint.address());
//! runner.run(&pipeline)?;
//! # Ok(())
//! # }
//! ```

mod exposition;

use crate::runners::{Metrics, MetricsHandle};
use crate::{Error, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tiny_http::{Header, Method, Request, Response, Server};

/// What the answer is written in.
const FORM: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `GET /metrics` as long as it lives.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    server: Stop,
    serving: Option<JoinHandle<()>>,
}

struct Stop(Arc<Server>);

impl std::fmt::Debug for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server")
    }
}

impl Endpoint {
    /// Listens at `address`; port 0 is any that is free. Whoever can reach the address can read the
    /// names of steps and splits: 127.0.0.1 keeps them on the machine.
    pub fn open(address: SocketAddr, of: MetricsHandle) -> Result<Self> {
        let refused = |what: &str| {
            Error::unavailable(format!("metrics cannot be served at {address}: {what}")).help(
                "name another address with --metrics ADDRESS:PORT, or stop what listens there",
            )
        };
        let server = Server::http(address).map_err(|e| refused(&e.to_string()))?;
        let bound = server.server_addr().to_ip();
        let address = bound.ok_or_else(|| refused("it is no address of a network"))?;
        let server = Arc::new(server);
        let stop = Stop(Arc::clone(&server));
        let serve = move || {
            for request in server.incoming_requests() {
                answer(request, &of);
            }
        };
        #[expect(clippy::disallowed_methods, reason = "it serves while the run goes on")]
        let serving = thread::Builder::new().name("metrics".into()).spawn(serve);
        let serving = serving.map_err(|e| refused("no thread could be started").caused_by(e))?;
        Ok(Endpoint {
            address,
            server: stop,
            serving: Some(serving),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.0.unblock();
        if let Some(serving) = self.serving.take() {
            // A scrape that panicked has told its reader so by closing the connection.
            let _ = serving.join();
        }
    }
}

fn answer(request: Request, of: &MetricsHandle) {
    let path = request.url().split('?').next();
    let is_asked = path == Some("/metrics");
    let is_read = matches!(request.method(), Method::Get | Method::Head);
    let response = match (is_asked, is_read) {
        (true, true) => match text(&of.read()) {
            Ok(text) => {
                let response = Response::from_string(text);
                match Header::from_bytes("Content-Type", FORM) {
                    Ok(form) => response.with_header(form),
                    Err(()) => response,
                }
            }
            Err(e) => Response::from_string(e.to_string()).with_status_code(500),
        },
        (true, false) => Response::from_string("it can only be read\n").with_status_code(405),
        (false, _) => Response::from_string("see /metrics\n").with_status_code(404),
    };
    // Whoever asked may have gone.
    let _ = request.respond(response);
}

/// All numbers as OpenMetrics text.
pub fn text(metrics: &Metrics) -> Result<String> {
    exposition::text(metrics).map_err(|e| Error::internal("metrics cannot be written").caused_by(e))
}

#[cfg(test)]
mod tests;
