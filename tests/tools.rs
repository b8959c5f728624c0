//! The command line tools, run as a user would run them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const INFO: &str = env!("CARGO_BIN_EXE_evpl_info");
const PERF: &str = env!("CARGO_BIN_EXE_evpl_perf");

const PROTOCOLS: [&str; 6] = [
    "STREAM_SOCKET_TCP",
    "DATAGRAM_SOCKET_UDP",
    "STREAM_SOCKET_UNIX",
    "STREAM_INPROC",
    "DATAGRAM_INPROC",
    "DATAGRAM_TCP_RDMA",
];

fn run(program: &str, args: &[&str]) -> Output {
    Command::new(program)
        .args(args)
        .output()
        .expect("the program was built")
}

fn json(program: &str, args: &[&str]) -> Value {
    let output = run(program, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}"))
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()))
}

#[test]
fn info_reports_every_protocol_with_a_reason_for_what_is_missing() {
    let info = json(INFO, &["--json"]);
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    let protocols = info["protocols"].as_array().unwrap();
    assert_eq!(protocols.len(), 12);
    for name in PROTOCOLS {
        let row = protocols.iter().find(|row| row["name"] == name).unwrap();
        assert_eq!(row["available"], true, "{row}");
        let rdma = name == "DATAGRAM_INPROC" || name == "DATAGRAM_TCP_RDMA";
        assert_eq!(row["rdma"], rdma, "{row}");
    }
    for list in ["protocols", "frameworks", "block_backends"] {
        for row in info[list].as_array().unwrap() {
            assert_eq!(row["available"] == true, row["reason"].is_null(), "{row}");
        }
    }
    assert_eq!(info["struct_sizes"]["evpl_iovec"], 24);
    let usable = std::thread::available_parallelism().unwrap().get();
    assert_eq!(info["host"]["cpus_usable"], usable);
    assert!(info["host"]["limits"]["nofile"]["soft"].as_u64().unwrap() > 0);
    assert!(info["host"]["kernel"].is_string());
}

#[test]
fn info_prints_the_same_for_people() {
    let output = run(INFO, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for word in ["DATAGRAM_INPROC", "LIBAIO", "evpl_doorbell", "somaxconn"] {
        assert!(text.contains(word), "{word}");
    }
    let line = |name| text.lines().find(|line| line.contains(name)).unwrap();
    assert!(line("DATAGRAM_TCP_RDMA").ends_with("available, with RDMA operations"));
    assert!(line("STREAM_SOCKET_TCP").ends_with("available"));
}

#[test]
fn perf_measures_every_workload_over_each_protocol() {
    for protocol in PROTOCOLS {
        let args = ["--json", "--duration", "0.2", "--connections", "10"];
        let report = json(PERF, &[&args[..], &["--protocol", protocol]].concat());
        let results = report["results"].as_array().unwrap();
        let expected = match protocol {
            "DATAGRAM_SOCKET_UDP" => 4,
            "DATAGRAM_INPROC" | "DATAGRAM_TCP_RDMA" => 7,
            _ => 5,
        };
        assert_eq!(results.len(), expected, "{report:#}");
        for result in results {
            check_result(result, protocol);
        }
    }
}

fn check_result(result: &Value, protocol: &str) {
    let number = |key: &str| {
        result[key]
            .as_f64()
            .unwrap_or_else(|| panic!("{key}: {result}"))
    };
    assert_eq!(result["protocol"], protocol);
    assert!(number("messages") >= 1.0, "{result}");
    assert!(number("messages_per_second") > 0.0, "{result}");
    assert!(
        number("seconds") > 0.0 && number("seconds") < 5.0,
        "{result}"
    );
    let workload = result["workload"].as_str().unwrap();
    if workload != "connect" {
        assert!(
            number("bytes") >= number("messages") * number("size"),
            "{result}"
        );
    }
    let latency = &result["latency_us"];
    if matches!(workload, "messages" | "bulk") {
        return assert!(latency.is_null(), "{result}");
    }
    let [p50, p99, p99_9, max] =
        ["p50", "p99", "p99_9", "max"].map(|key| latency[key].as_f64().unwrap());
    assert!(
        0.0 < p50 && p50 <= p99 && p99 <= p99_9 && p99_9 <= max,
        "{result}"
    );
}

#[test]
fn perf_measures_all_with_a_table_and_a_plot() {
    let plot = scratch("all.svg");
    let path = plot.to_str().unwrap();
    let output = run(
        PERF,
        &[
            "--all",
            "--workload",
            "latency,bulk",
            "--size",
            "64,1024",
            "--duration",
            "0.05",
            "--plot",
            path,
        ],
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let svg = std::fs::read_to_string(&plot).unwrap();
    std::fs::remove_file(&plot).unwrap();
    for protocol in PROTOCOLS {
        let rows = text.lines().filter(|line| line.starts_with(protocol));
        assert_eq!(rows.count(), 4, "{text}");
        assert!(svg.contains(protocol), "{protocol}");
    }
}

#[test]
fn perf_says_where_there_are_no_one_sided_operations() {
    let args = ["--workload", "rdma-read,latency", "--duration", "0.05"];
    let output = run(PERF, &args);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("no one-sided operations"), "{text}");
}

#[test]
fn perf_has_an_event_mode_threads_and_copies() {
    let report = json(
        PERF,
        &[
            "--json",
            "--mode",
            "event",
            "--threads",
            "2",
            "--copy",
            "--duration",
            "0.1",
            "-w",
            "latency,bulk",
        ],
    );
    assert_eq!(report["mode"], "event");
    for result in report["results"].as_array().unwrap() {
        assert_eq!(result["connections"], 2);
        check_result(result, "STREAM_SOCKET_TCP");
    }
}

/// A server in a process of its own, asked to stop when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // SAFETY: a child of ours that was not waited for.
        unsafe { libc::kill(self.0.id() as libc::pid_t, libc::SIGTERM) };
        let status = self.0.wait().unwrap();
        if !std::thread::panicking() {
            assert!(status.success(), "{status}");
        }
    }
}

#[test]
fn perf_measures_against_another_process() {
    let socket = scratch("socket");
    let path = socket.to_str().unwrap();
    let common = ["--protocol", "STREAM_SOCKET_UNIX"];
    let server = Command::new(PERF)
        .args(common)
        .args(["--server", "--bind", path, "--serve-for", "60"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(server);
    let begin = Instant::now();
    while !socket.with_extension("count").exists() {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "the server is not there"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let args = ["--client", path, "--json", "--duration", "0.1"];
    let report = json(PERF, &[&common[..], &args[..]].concat());
    assert_eq!(report["results"].as_array().unwrap().len(), 5, "{report:#}");
    drop(server);
    assert!(!socket.exists(), "the server removes its sockets");
}

#[test]
fn perf_says_what_is_wrong() {
    for (args, message) in [
        (
            &["--protocol", "STREAM_PIGEON"][..],
            "no protocol STREAM_PIGEON",
        ),
        (&["--protocol", "STREAM_XLIO_TCP"], "not available"),
        (
            &["--client", "127.0.0.1", "--port", "1", "--duration", "0.1"],
            "nothing could be measured",
        ),
        (&["--server", "--protocol", "STREAM_INPROC"], "--bind"),
        (&["--duration", "0"], "--duration"),
    ] {
        let output = run(PERF, args);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{args:?}");
        assert!(errors.contains(message), "{args:?}: {errors}");
        assert!(!errors.contains("panicked"), "{args:?}: {errors}");
    }
}
