//! What this build of the library offers and what the host has for it; why something is missing.
//!
//! The facts are collected as one JSON value. The text form is a rendering of that value, so that
//! both always say the same.

#[path = "both/log.rs"]
mod log;

use core::ffi::{c_char, c_int};
use core::mem::size_of;
use std::fs;
use std::io::{self, Write};

use clap::Parser;
use evpl::abi::{
    evpl_block_device, evpl_deferral, evpl_doorbell, evpl_fd_event, evpl_iovec, evpl_iovec_ref,
    evpl_loop_hooks, evpl_notify, evpl_timer,
};
use evpl::sys::cpu;
use evpl::transport::registry;
use serde_json::{Map, Value, json};

unsafe extern "C" {
    fn evpl_protocol_available(id: c_int) -> c_int;
    fn evpl_block_open_device(protocol: c_int, uri: *const c_char) -> *mut evpl_block_device;
    fn evpl_block_close_device(device: *mut evpl_block_device);
}

/// What this build of libevpl offers, and what this host has for it.
#[derive(Parser)]
#[command(name = "evpl_info", version)]
struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    log::install();
    let facts = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "build": build(),
        "protocols": protocols(),
        "frameworks": frameworks(),
        "block_backends": block_backends(),
        "struct_sizes": struct_sizes(),
        "host": host(),
    });
    let text = if args.json {
        format!("{facts:#}\n")
    } else {
        render(&facts)
    };
    io::stdout().write_all(text.as_bytes())
}

// ---- the library --------------------------------------------------------------------------------

fn build() -> Value {
    json!({
        "profile": if cfg!(debug_assertions) { "debug" } else { "release" },
        "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        "pointer_bits": usize::BITS,
    })
}

fn protocols() -> Vec<Value> {
    registry::rows()
        .iter()
        .map(|row| {
            // SAFETY: takes any integer.
            let available = unsafe { evpl_protocol_available(row.id) } != 0;
            let reason = registry::find(row.id).err().map(|text| {
                let known = format!("protocol {} is not available: ", row.name);
                text.strip_prefix(&known).unwrap_or(&text).to_owned()
            });
            json!({
                "id": row.id,
                "name": row.name,
                "available": available,
                "reason": reason,
                "stream": row.caps.stream,
                "connected": row.caps.connected,
                "rdma": row.caps.rdma,
                "address": format!("{:?}", row.caps.kind).to_lowercase(),
            })
        })
        .collect()
}

/// Each framework with the protocols and the block backends that need it.
const FRAMEWORKS: [(&str, &[&str], &[&str]); 8] = [
    (
        "RDMACM",
        &[
            "DATAGRAM_RDMACM_RC",
            "DATAGRAM_RDMACM_UD",
            "STREAM_RDMACM_RC",
        ],
        &[],
    ),
    ("XLIO", &["STREAM_XLIO_TCP"], &[]),
    (
        "IO_URING",
        &["STREAM_IO_URING_TCP"],
        &["IO_URING", "IO_URING_NVME"],
    ),
    ("VFIO", &[], &["VFIO"]),
    ("TLS", &["STREAM_SOCKET_TLS"], &[]),
    ("TCP_RDMA", &["DATAGRAM_TCP_RDMA"], &[]),
    ("LIBAIO", &[], &["LIBAIO"]),
    ("INPROC", &["STREAM_INPROC", "DATAGRAM_INPROC"], &[]),
];

/// A framework is there as soon as one of its users is.
fn frameworks() -> Vec<Value> {
    let rows = [protocols(), block_backends()].concat();
    FRAMEWORKS
        .iter()
        .enumerate()
        .map(|(id, (name, protocols, backends))| {
            let users: Vec<&Value> = rows
                .iter()
                .filter(|row| {
                    let user = row["name"].as_str().unwrap_or_default();
                    protocols.contains(&user) || backends.contains(&user)
                })
                .collect();
            let available = users.iter().any(|user| user["available"] == true);
            let reason = users
                .first()
                .filter(|_| !available)
                .map(|user| user["reason"].clone());
            json!({ "id": id, "name": name, "available": available, "reason": reason })
        })
        .collect()
}

const BLOCK_BACKENDS: [&str; 4] = ["IO_URING", "VFIO", "LIBAIO", "IO_URING_NVME"];

/// A backend that exists complains about the device, which has no name; one that does not says so of
/// itself.
fn block_backends() -> Vec<Value> {
    BLOCK_BACKENDS
        .iter()
        .enumerate()
        .map(|(id, name)| {
            log::take_last_error();
            // SAFETY: takes any integer, and a terminated string.
            let device = unsafe { evpl_block_open_device(id as c_int, c"".as_ptr()) };
            if !device.is_null() {
                // SAFETY: just opened, and used nowhere else.
                unsafe { evpl_block_close_device(device) };
            }
            let subject = format!("backend {name} is ");
            let reason = log::take_last_error()
                .and_then(|text| Some(text.split_once(&subject)?.1.to_owned()));
            json!({ "id": id, "name": name, "available": reason.is_none(), "reason": reason })
        })
        .collect()
}

fn struct_sizes() -> Value {
    json!({
        "evpl_iovec": size_of::<evpl_iovec>(),
        "evpl_iovec_ref": size_of::<evpl_iovec_ref>(),
        "evpl_notify": size_of::<evpl_notify>(),
        "evpl_timer": size_of::<evpl_timer>(),
        "evpl_deferral": size_of::<evpl_deferral>(),
        "evpl_doorbell": size_of::<evpl_doorbell>(),
        "evpl_fd_event": size_of::<evpl_fd_event>(),
        "evpl_loop_hooks": size_of::<evpl_loop_hooks>(),
    })
}

// ---- the host -----------------------------------------------------------------------------------

fn host() -> Value {
    json!({
        "kernel": read("/proc/sys/kernel/osrelease"),
        "io_uring": io_uring(),
        "ktls": ktls(),
        "af_xdp": af_xdp(),
        "huge_pages": huge_pages(),
        "rdma_devices": names_in("/sys/class/infiniband"),
        "vfio_groups": names_in("/dev/vfio"),
        "cpus_usable": usable_cpus(),
        "cpus_online": online_cpus(),
        "somaxconn": read("/proc/sys/net/core/somaxconn").and_then(|text| text.parse::<u64>().ok()),
        "limits": {
            "memlock_bytes": limit(libc::RLIMIT_MEMLOCK),
            "nofile": limit(libc::RLIMIT_NOFILE),
        },
    })
}

fn io_uring() -> Value {
    // The kernel's io_uring_params; all zero asks for nothing special.
    let mut params = [0u32; 30];
    // SAFETY: one entry, and parameters of the size the kernel expects.
    let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, params.as_mut_ptr()) };
    let policy = match read("/proc/sys/kernel/io_uring_disabled").as_deref() {
        Some("0") => "allowed",
        Some("1") => "allowed to members of one group",
        Some(_) => "forbidden",
        None => "no policy in this kernel",
    };
    let mut found = verdict(fd as c_int);
    found.insert("policy".into(), policy.into());
    Value::Object(found)
}

fn ktls() -> Value {
    let loaded = read("/proc/sys/net/ipv4/tcp_available_ulp")
        .is_some_and(|names| names.split_whitespace().any(|name| name == "tls"));
    json!({
        "available": loaded,
        "reason": (!loaded).then_some("the tls module is not loaded"),
    })
}

fn af_xdp() -> Value {
    // SAFETY: creating a socket touches no memory of ours.
    Value::Object(verdict(unsafe {
        libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0)
    }))
}

/// What came of opening `fd`, which is closed again.
fn verdict(fd: c_int) -> Map<String, Value> {
    let mut found = Map::new();
    let reason = (fd < 0).then(|| io::Error::last_os_error().to_string());
    if fd >= 0 {
        // SAFETY: just opened, and used nowhere else.
        unsafe { libc::close(fd) };
    }
    found.insert("available".into(), reason.is_none().into());
    found.insert("reason".into(), reason.into());
    found
}

fn huge_pages() -> Vec<Value> {
    const POOLS: &str = "/sys/kernel/mm/hugepages";
    names_in(POOLS)
        .into_iter()
        .map(|pool| {
            let count = |file: &str| {
                read(&format!("{POOLS}/{pool}/{file}")).and_then(|text| text.parse::<u64>().ok())
            };
            let size = pool.trim_start_matches("hugepages-").trim_end_matches("kB");
            json!({
                "size_kib": size.parse::<u64>().ok(),
                "total": count("nr_hugepages"),
                "free": count("free_hugepages"),
            })
        })
        .collect()
}

/// As a loop on this thread would count them.
fn usable_cpus() -> usize {
    // Counted are those of threads that asked; without a loop nobody has.
    cpu::pinned_to();
    cpu::usable()
}

fn online_cpus() -> i64 {
    // SAFETY: no memory of ours.
    unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }
}

/// Soft and hard limit; null is unlimited.
fn limit(resource: libc::__rlimit_resource_t) -> Value {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: room for one limit.
    if unsafe { libc::getrlimit(resource, &mut limit) } != 0 {
        return Value::Null;
    }
    let bounded = |value: libc::rlim_t| (value != libc::RLIM_INFINITY).then_some(value);
    json!({ "soft": bounded(limit.rlim_cur), "hard": bounded(limit.rlim_max) })
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

fn names_in(directory: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

// ---- text ---------------------------------------------------------------------------------------

fn render(facts: &Value) -> String {
    let build = &facts["build"];
    let mut text = format!(
        "libevpl {} ({} build for {}, {} bits)\n",
        plain(&facts["version"]),
        plain(&build["profile"]),
        plain(&build["target"]),
        build["pointer_bits"],
    );
    for (title, key) in [
        ("protocols", "protocols"),
        ("frameworks", "frameworks"),
        ("block backends", "block_backends"),
    ] {
        text += &format!("\n{title}\n");
        for row in facts[key].as_array().into_iter().flatten() {
            text += &format!(
                "  {:>2}  {:<22} {}\n",
                plain(&row["id"]),
                plain(&row["name"]),
                availability(row),
            );
        }
    }
    text += "\nsizes of public structures in bytes\n";
    for (name, size) in facts["struct_sizes"].as_object().into_iter().flatten() {
        text += &format!("      {name:<22} {size}\n");
    }
    text + &render_host(&facts["host"])
}

fn render_host(host: &Value) -> String {
    let mut text = String::from("\nhost\n");
    let mut line = |name: &str, value: String| text += &format!("      {name:<22} {value}\n");
    line("kernel", plain(&host["kernel"]));
    line(
        "io_uring",
        format!(
            "{} ({})",
            availability(&host["io_uring"]),
            plain(&host["io_uring"]["policy"])
        ),
    );
    line("kernel TLS", availability(&host["ktls"]));
    line("AF_XDP", availability(&host["af_xdp"]));
    for pool in host["huge_pages"].as_array().into_iter().flatten() {
        line(
            "huge pages",
            format!(
                "{} KiB: {} free of {}",
                plain(&pool["size_kib"]),
                plain(&pool["free"]),
                plain(&pool["total"])
            ),
        );
    }
    line("RDMA devices", list(&host["rdma_devices"]));
    line("VFIO groups", list(&host["vfio_groups"]));
    line(
        "CPUs",
        format!("{} usable of {}", host["cpus_usable"], host["cpus_online"]),
    );
    line("somaxconn", plain(&host["somaxconn"]));
    let limits = &host["limits"];
    line("locked memory, bytes", bounds(&limits["memlock_bytes"]));
    line("open descriptors", bounds(&limits["nofile"]));
    text
}

fn availability(row: &Value) -> String {
    if row["available"] == true && row["rdma"] == true {
        "available, with RDMA operations".to_owned()
    } else if row["available"] == true {
        "available".to_owned()
    } else {
        format!("not available: {}", plain(&row["reason"]))
    }
}

fn bounds(limit: &Value) -> String {
    let bound = |value: &Value| match value.as_u64() {
        Some(number) => number.to_string(),
        None => "unlimited".to_owned(),
    };
    format!(
        "soft {}, hard {}",
        bound(&limit["soft"]),
        bound(&limit["hard"])
    )
}

fn list(names: &Value) -> String {
    let names: Vec<String> = names.as_array().into_iter().flatten().map(plain).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(" ")
    }
}

/// A value without quotes; what is not known is a question mark.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "?".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_framework_and_backend_user_exists() {
        let known: Vec<&str> = registry::rows().iter().map(|row| row.name).collect();
        for (name, protocols, backends) in FRAMEWORKS {
            assert!(!protocols.is_empty() || !backends.is_empty(), "{name}");
            assert!(protocols.iter().all(|protocol| known.contains(protocol)));
            assert!(
                backends
                    .iter()
                    .all(|backend| BLOCK_BACKENDS.contains(backend))
            );
        }
    }

    #[test]
    fn what_is_missing_comes_with_a_reason() {
        log::install();
        for row in [protocols(), frameworks(), block_backends()].concat() {
            assert_eq!(row["available"] == true, row["reason"].is_null(), "{row}");
        }
    }

    #[test]
    fn unknown_values_are_a_question_mark_in_text() {
        assert_eq!(plain(&Value::Null), "?");
        assert_eq!(
            bounds(&json!({ "soft": 7, "hard": null })),
            "soft 7, hard unlimited"
        );
    }
}
