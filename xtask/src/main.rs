//! Writes include/evpl from src/capi: `xtask headers`, or `xtask headers --check` to fail on a
//! difference instead.
//!
//! A header is generated from two sources, src/abi.rs (layouts, callbacks, constants) and its own
//! file of src/capi (functions), and takes hand-written text from src/capi/inline where cbindgen
//! cannot express the C. Each public name of src/abi.rs has exactly one home: a header that owns it
//! here, or inline text. Every other header declares the structure forward.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use cbindgen::{Builder, Config};

/// One public header.
struct Header {
    /// The name without "evpl_" and ".h"; also that of the Rust file.
    name: &'static str,
    sys_includes: &'static [&'static str],
    includes: &'static [&'static str],
    /// Names of src/abi.rs that this header defines.
    owns: &'static [&'static str],
    /// Inline text ahead of the generated types, and after the functions.
    top: Option<&'static str>,
    bottom: Option<&'static str>,
}

const EMPTY: Header = Header {
    name: "",
    sys_includes: &[],
    includes: &[],
    owns: &[],
    top: None,
    bottom: None,
};

const HEADERS: &[Header] = &[
    Header {
        name: "core",
        sys_includes: &["stdint.h", "time.h"],
        owns: &["evpl_loop_callback_t", "evpl_loop_hooks"],
        top: Some("core_enums.h"),
        ..EMPTY
    },
    Header {
        name: "config",
        sys_includes: &["stdint.h"],
        top: Some("config_enums.h"),
        ..EMPTY
    },
    Header {
        name: "logging",
        sys_includes: &["stdarg.h"],
        owns: &["evpl_flush_fn"],
        top: Some("logging_types.h"),
        bottom: Some("logging.h"),
        ..EMPTY
    },
    Header {
        name: "memory",
        sys_includes: &["stddef.h", "stdint.h"],
        includes: &["evpl_logging.h"],
        owns: &["EVPL_IOVEC_FLAG_SHARED", "EVPL_IOVEC_FLAG_GLOBAL"],
        top: Some("memory_types.h"),
        bottom: Some("memory.h"),
    },
    Header {
        name: "endpoint",
        ..EMPTY
    },
    Header {
        name: "bind",
        includes: &["evpl_core.h"],
        owns: &[
            "EVPL_NOTIFY_CONNECTED",
            "EVPL_NOTIFY_DISCONNECTED",
            "EVPL_NOTIFY_RECV_DATA",
            "EVPL_NOTIFY_RECV_MSG",
            "EVPL_NOTIFY_SENT",
            "EVPL_SEND_FLAG_TAKE_REF",
            "EVPL_RECV_FLAG_ALL_OR_NONE",
            "EVPL_ADDRESS_STRLEN",
            "evpl_notify_callback_t",
            "evpl_segment_callback_t",
            "evpl_attach_callback_t",
        ],
        top: Some("bind_types.h"),
        ..EMPTY
    },
    Header {
        name: "timer",
        sys_includes: &["stdint.h"],
        owns: &["evpl_timer", "evpl_timer_callback_t"],
        ..EMPTY
    },
    Header {
        name: "deferral",
        sys_includes: &["stdint.h"],
        owns: &["evpl_deferral", "deferral_callback_t"],
        ..EMPTY
    },
    Header {
        name: "doorbell",
        sys_includes: &["stdint.h"],
        owns: &["evpl_doorbell", "evpl_doorbell_callback_t"],
        ..EMPTY
    },
    Header {
        name: "fd_event",
        sys_includes: &["stdint.h"],
        owns: &["evpl_fd_event", "evpl_fd_event_callback_t"],
        ..EMPTY
    },
    Header {
        name: "poll",
        owns: &[
            "evpl_poll_enter_callback_t",
            "evpl_poll_exit_callback_t",
            "evpl_poll_callback_t",
        ],
        ..EMPTY
    },
    Header {
        name: "thread",
        owns: &[
            "evpl_thread_init_callback_t",
            "evpl_thread_shutdown_callback_t",
        ],
        ..EMPTY
    },
    Header {
        name: "rdma",
        sys_includes: &["stdint.h"],
        owns: &["EVPL_RDMA_FLAG_TAKE_REF"],
        ..EMPTY
    },
    Header {
        name: "block",
        sys_includes: &["stdint.h"],
        includes: &["evpl_core.h"],
        owns: &["evpl_block_callback_t"],
        ..EMPTY
    },
    Header {
        name: "ext",
        ..EMPTY
    },
];

/// Names of src/abi.rs that C knows from inline text, or not at all.
const BY_HAND: &[&str] = &[
    "evpl_iovec",
    "evpl_iovec_ref",
    "evpl_iovec_release_t",
    "evpl_log_fn",
    "evpl_notify",
    "evpl_notify_payload",
    "evpl_notify_recv_msg",
    "evpl_notify_sent",
    "evpl_rdma_callback_t",
    "VaList",
];

/// Constants of src/abi.rs that are enumerators in C.
const ENUMERATOR_PREFIXES: &[&str] = &[
    "EVPL_FRAMEWORK_",
    "EVPL_NUM_",
    "EVPL_DATAGRAM_",
    "EVPL_STREAM_",
    "EVPL_BLOCK_PROTOCOL_",
    "EVPL_CORE_MECH_",
];

const ENUMS: &[&str] = &[
    "evpl_framework_id",
    "evpl_protocol_id",
    "evpl_block_protocol_id",
    "evpl_core_mech",
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let check = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["headers"] => false,
        ["headers", "--check"] => true,
        _ => {
            eprintln!("usage: xtask headers [--check]");
            return ExitCode::from(2);
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the repository");
    let abi = Abi::read(&root.join("src/abi.rs"));
    let mut differs = false;
    for header in HEADERS {
        let path = root.join(format!("include/evpl/evpl_{}.h", header.name));
        let text = generate(root, &abi, header);
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        differs = true;
        println!(
            "{} {}",
            if check { "differs" } else { "wrote" },
            path.display()
        );
        if !check {
            fs::write(&path, text).expect("include/evpl is writable");
        }
    }
    ExitCode::from(u8::from(check && differs))
}

fn generate(root: &Path, abi: &Abi, header: &Header) -> String {
    let inline = |name: Option<&str>| {
        let read = |name| {
            let path = root.join("src/capi/inline").join(name);
            fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        };
        name.map(read).unwrap_or_default()
    };
    let (top, bottom) = (inline(header.top), inline(header.bottom));
    let source = root.join(format!("src/capi/{}.rs", header.name));
    let sources = [root.join("src/abi.rs"), source];

    let mut config = Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml parses");
    config.include_guard = Some(format!("EVPL_{}_H", header.name.to_uppercase()));
    config.autogen_warning = Some(format!(
        "/* Generated from src/capi/{}.rs by `make headers`; change it there. */",
        header.name
    ));
    config.sys_includes = header.sys_includes.iter().map(|x| x.to_string()).collect();
    config.includes = header.includes.iter().map(|x| x.to_string()).collect();
    config.export.include = header.owns.iter().map(|x| x.to_string()).collect();
    config.export.exclude = abi.foreign(header);
    config.export.rename = abi.renames(header);

    // The first run shows which structures the text names; they are declared ahead of it.
    let named = structs_named(&(top.clone() + &generate_part(&sources, &config) + &bottom));
    config.after_includes = Some(format!("\n{}{top}", abi.forward_declarations(&named)));
    let text = generate_part(&sources, &config);
    // cbindgen's own trailer would be outside the guard.
    let (body, guard_end) = text.rsplit_once("#endif").expect("the guard ends the file");
    tidy(&format!("{body}{bottom}\n#endif{guard_end}"))
}

fn generate_part(sources: &[PathBuf], config: &Config) -> String {
    let builder = sources
        .iter()
        .fold(Builder::new().with_config(config.clone()), |b, s| {
            b.with_src(s)
        });
    let mut text = Vec::new();
    builder
        .generate()
        .unwrap_or_else(|e| panic!("{sources:?}: {e}"))
        .write(&mut text);
    String::from_utf8(text).expect("cbindgen writes UTF-8")
}

/// Without the blanks at the end of lines and the runs of empty lines that cbindgen leaves.
fn tidy(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines().map(str::trim_end) {
        if !(line.is_empty() && (out.is_empty() || out.ends_with("\n\n"))) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// The `x` of every `struct x` in the text, comments included.
fn structs_named(text: &str) -> BTreeSet<String> {
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|w| !w.is_empty())
        .collect();
    words
        .windows(2)
        .filter(|pair| pair[0] == "struct")
        .map(|pair| pair[1].to_string())
        .collect()
}

/// The public names of src/abi.rs.
struct Abi {
    /// Opaque handles and what each is.
    opaque: BTreeMap<String, String>,
    structs: BTreeSet<String>,
    /// Constants and type aliases.
    others: BTreeSet<String>,
}

impl Abi {
    fn read(path: &Path) -> Abi {
        let text = fs::read_to_string(path).expect("src/abi.rs is there");
        let mut abi = Abi {
            opaque: BTreeMap::new(),
            structs: BTreeSet::new(),
            others: BTreeSet::new(),
        };
        let (mut in_opaque, mut doc) = (false, String::new());
        for line in text.lines() {
            let words: Vec<&str> = line
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .filter(|w| !w.is_empty())
                .collect();
            match (line.trim_start().strip_prefix("/// "), &words[..]) {
                (Some(text), _) => doc = text.to_string(),
                (_, ["opaque"]) => in_opaque = true,
                (_, []) if line == "}" => in_opaque = false,
                (_, [name]) if in_opaque => {
                    abi.opaque.insert(name.to_string(), doc.clone());
                }
                // Inside the macro that defines them, the name is still a variable.
                (_, ["pub", "struct" | "union", name, ..]) if !line.contains('$') => {
                    abi.structs.insert(name.to_string());
                }
                (_, ["pub", "const" | "type", name, ..]) => {
                    abi.others.insert(name.to_string());
                }
                _ => {}
            }
        }
        abi.check_homes();
        abi
    }

    /// A name without a home would silently be missing from the headers.
    fn check_homes(&self) {
        let owned: Vec<&str> = HEADERS.iter().flat_map(|h| h.owns).copied().collect();
        for name in self.structs.iter().chain(&self.others) {
            let homes = owned.iter().filter(|x| *x == name).count()
                + BY_HAND.iter().filter(|x| *x == name).count()
                + usize::from(ENUMERATOR_PREFIXES.iter().any(|p| name.starts_with(p)));
            assert_eq!(homes, 1, "{name} of src/abi.rs needs exactly one home here");
        }
        for name in owned {
            let known = self.structs.contains(name) || self.others.contains(name);
            assert!(known, "{name} is not in src/abi.rs");
        }
    }

    /// What other headers define.
    fn foreign(&self, header: &Header) -> Vec<String> {
        let all = self.structs.iter().chain(&self.others);
        all.filter(|name| !header.owns.contains(&name.as_str()))
            .cloned()
            .collect()
    }

    /// cbindgen does not know what a type is that it does not define; C needs the keyword.
    fn renames(&self, header: &Header) -> std::collections::HashMap<String, String> {
        let mut renames = std::collections::HashMap::new();
        for name in self.opaque.keys().chain(&self.structs) {
            if !header.owns.contains(&name.as_str()) {
                renames.insert(name.clone(), format!("struct {name}"));
            }
        }
        for name in ENUMS {
            renames.insert(name.to_string(), format!("enum {name}"));
        }
        renames.insert("timespec".to_string(), "struct timespec".to_string());
        renames
    }

    fn forward_declarations(&self, named: &BTreeSet<String>) -> String {
        let mut text = String::new();
        for name in named {
            if let Some(doc) = self.opaque.get(name) {
                text.push_str(&format!("/** {doc} */\nstruct {name};\n"));
            } else if self.structs.contains(name) {
                text.push_str(&format!("struct {name};\n"));
            }
        }
        text + "\n"
    }
}
