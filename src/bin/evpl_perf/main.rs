//! Measures the library through its C functions: round trips, message rate, throughput, connections.
//!
//! Client and server are threads of this process, or two processes. Each measurement has a time limit,
//! and one that is not possible is reported with the reason while the others go on.
//!
//! ```text
//! main          which measurements to make, and what to do with them
//!   workload    what each measurement is
//!     client    threads that keep bytes in flight     server   threads that echo or count
//!       route   where they meet
//!         ffi   the C functions
//!   report plot progress                              what a person or a program sees
//! ```

#[path = "../both/log.rs"]
mod log;

mod args;
mod client;
mod ffi;
mod plot;
mod progress;
mod report;
mod route;
mod server;
mod workload;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;

use args::{Args, Mode};
use ffi::Protocol;
use report::{Measurement, Skipped};
use route::Route;
use server::Server;
use workload::Case;

fn main() -> ExitCode {
    let args = Args::parse();
    log::install();
    raise_descriptor_limit();
    ffi::init();
    let result = if args.server {
        serve(&args)
    } else {
        measure(&args)
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("evpl_perf: {error}");
            ExitCode::FAILURE
        }
    }
}

// ---- measuring ----------------------------------------------------------------------------------

fn measure(args: &Args) -> Result<(), String> {
    let mut measurements = Vec::new();
    let mut skipped = Vec::new();
    for protocol in protocols(args)? {
        measure_protocol(args, protocol, &mut measurements, &mut skipped);
    }
    let text = if args.json {
        let value = report::json(args.mode, args.duration, &measurements, &skipped);
        format!("{value:#}\n")
    } else {
        report::table(&measurements, &skipped)
    };
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| format!("standard output: {error}"))?;
    if let Some(path) = &args.plot {
        plot::draw(path, &measurements)?;
        if !args.json {
            println!("plot: {}", path.display());
        }
    }
    if measurements.is_empty() {
        return Err("nothing could be measured".to_owned());
    }
    Ok(())
}

fn measure_protocol(
    args: &Args,
    protocol: Protocol,
    measurements: &mut Vec<Measurement>,
    skipped: &mut Vec<Skipped>,
) {
    let mut skip = |workload, size, reason| {
        skipped.push(Skipped {
            protocol: protocol.name.to_owned(),
            workload,
            size,
            reason,
        });
    };
    let (route, _server) = match meet(args, protocol) {
        Ok(both) => both,
        Err(reason) => return skip("all", 0, reason),
    };
    for workload in args.workloads() {
        if args.workload.is_empty() && !workload.suits(protocol) {
            continue;
        }
        for size in args.sizes(*workload) {
            let case = Case {
                protocol,
                route: &route,
                size,
                depth: args.depth,
                threads: args.threads,
                connections: args.connections,
                duration: args.duration,
                poll: args.mode == Mode::Poll,
                copy: args.copy,
            };
            match workload.measure(&case) {
                Ok(measurement) => measurements.push(measurement),
                Err(reason) => skip(workload.name(), size, reason),
            }
        }
    }
}

/// Where to measure, with a server there unless it is another process. The server is declared after
/// the place it uses, and so goes first.
fn meet(args: &Args, protocol: Protocol) -> Result<(Route, Option<Server>), String> {
    if let Some(host) = &args.client {
        return Ok((Route::at(protocol, host, args.port)?, None));
    }
    let route = Route::within(protocol)?;
    let server = Server::start(protocol, &route, args.threads, args.mode == Mode::Poll)?;
    Ok((route, Some(server)))
}

fn protocols(args: &Args) -> Result<Vec<Protocol>, String> {
    let known = ffi::PROTOCOL_NAMES.into_iter();
    if args.all {
        return Ok(known.filter_map(Protocol::lookup).collect());
    }
    args.protocol
        .iter()
        .map(|wanted| {
            let name = known
                .clone()
                .find(|name| name.to_bytes() == wanted.as_bytes())
                .ok_or_else(|| format!("there is no protocol {wanted}"))?;
            Protocol::lookup(name)
                .ok_or_else(|| format!("protocol {wanted} is not available: see evpl_info"))
        })
        .collect()
}

/// Many connections need many descriptors; the soft limit is often far below the hard one.
fn raise_descriptor_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: room for one limit, which is then given back with its own maximum.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}

// ---- serving ------------------------------------------------------------------------------------

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

fn serve(args: &Args) -> Result<(), String> {
    /// Between two looks whether it is over.
    const INTERVAL: Duration = Duration::from_millis(50);
    let [protocol] = protocols(args)?[..] else {
        return Err("a server has one protocol".to_owned());
    };
    let address = match (&args.bind, protocol.kind) {
        (Some(address), _) => address,
        (None, ffi::Kind::Inet) => "127.0.0.1",
        (None, _) => return Err("--bind has to say where".to_owned()),
    };
    let route = Route::at(protocol, address, args.port)?;
    let server = Server::start(protocol, &route, args.threads, args.mode == Mode::Poll)?;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the handler only stores a flag.
        unsafe { libc::signal(signal, interrupt as *const () as libc::sighandler_t) };
    }
    println!("{} at {}", protocol.name, route.text);
    let begin = Instant::now();
    while begin.elapsed() < args.serve_for && !INTERRUPTED.load(Ordering::Relaxed) {
        std::thread::sleep(INTERVAL);
    }
    drop(server);
    Ok(())
}

extern "C" fn interrupt(_signal: i32) {
    INTERRUPTED.store(true, Ordering::Relaxed);
}
