//! Keeps the source tree as its map says: who may use whom, where `unsafe` may stand, and what no line
//! may hold.

use std::fs;
use std::path::{Path, PathBuf};

/// The tree: a folder uses itself and the folders named here. `netstack` and `event` do not know each
/// other.
const LAYERS: [(&str, &[&str]); 8] = [
    ("bin", &["api"]),
    ("capi", &["api", "transport", "event", "memory", "sys"]),
    ("api", &["transport", "netstack", "event", "memory", "sys"]),
    ("transport", &["netstack", "event", "memory", "sys"]),
    ("netstack", &["memory", "sys"]),
    ("event", &["memory", "sys"]),
    ("memory", &["sys"]),
    ("sys", &[]),
];
/// Beside the tree: everybody uses them, and they use only each other and the kernel.
const BESIDE: [&str; 5] = ["abi", "config", "log", "sync", "time"];

/// Where `unsafe` may stand. Outside the four folders a file is named here because it calls user code,
/// is called from C, or shares memory with either.
const UNSAFE: [&str; 34] = [
    "capi/",
    "event/",
    "memory/",
    "sys/",
    "abi.rs",
    "config.rs",
    "log.rs",
    "time.rs",
    "api/endpoint.rs",
    "api/evpl.rs",
    "api/global.rs",
    "api/listener.rs",
    "api/memory.rs",
    "api/metrics.rs",
    "api/rdma.rs",
    "api/recv.rs",
    "api/send.rs",
    "api/thread.rs",
    "transport/address.rs",
    "transport/bind.rs",
    "transport/deliver.rs",
    "transport/drain.rs",
    "transport/inbox.rs",
    "transport/inproc/",
    "transport/io_uring/",
    "transport/mod.rs",
    "transport/operation.rs",
    "transport/publication.rs",
    "transport/registry.rs",
    "transport/shortage.rs",
    "transport/socket/",
    "transport/tcp_rdma/connection.rs",
    "bin/",
    "transport/tls/connection.rs",
];
/// Lines between a SAFETY comment and the block it is for, such as the start of a long statement.
const SAFETY_DISTANCE_MAX: usize = 12;

/// Marks of unfinished work.
const UNFINISHED: [&str; 5] = ["TODO", "FIXME", "XXX", "todo!(", "unimplemented!("];
/// Machine paths and words about how the text came to be.
const OUTSIDE: [&str; 10] = [
    "/work/",
    "/home/",
    "/root/",
    "/Users/",
    "../shared",
    "issue #",
    "clean room",
    "clean-room",
    "ruling",
    "the brief",
];
/// Folders and files whose text is ours.
const TEXT: [&str; 15] = [
    "src",
    "tests",
    "benches",
    "fuzz",
    "xtask",
    "docs",
    "include",
    "c-tests",
    "examples-c",
    "pkgconfig",
    "build.rs",
    "Cargo.toml",
    "Makefile",
    "README.md",
    "CHANGELOG.md",
];

#[test]
fn arrows_point_down() {
    check(|source, complain| {
        let module = source.module();
        let allowed = LAYERS.iter().find(|(layer, _)| *layer == module);
        if allowed.is_none() && !BESIDE.contains(&module) {
            if module != "lib" {
                complain(1, "a folder that the map does not know");
            }
            return;
        }
        let below = allowed.map_or(&["sys"][..], |(_, below)| below);
        let code: Vec<&str> = source.code().map(|(_, code)| code).collect();
        for (line, used) in modules_named(&code.join("\n"), source.depth()) {
            let is_layer = LAYERS.iter().any(|(layer, _)| *layer == used);
            if is_layer && used != module && !below.contains(&used) {
                complain(line, &format!("{module} uses {used}, which is above it"));
            }
        }
    });
}

#[test]
fn every_file_opens_with_what_it_is() {
    check(|source, complain| {
        if !source.text.starts_with("//! ") {
            complain(1, "the first line is no `//!`");
        }
    });
}

#[test]
fn unsafe_stands_where_it_may_and_says_why() {
    check(|source, complain| {
        let may =
            UNSAFE.iter().any(|place| source.path.starts_with(place)) || source.is_test_file();
        let lines: Vec<&str> = source.text.lines().collect();
        for (line, code) in source.code() {
            if !has_word(code, "unsafe") {
                continue;
            }
            if !may {
                complain(line, "`unsafe` in a file that has no place for it");
            }
            let opens = code.contains("unsafe {") || code.contains("unsafe impl");
            let near = line.saturating_sub(SAFETY_DISTANCE_MAX + 1)..line;
            if opens && !lines[near].iter().any(|line| line.contains("SAFETY:")) {
                complain(line, "`unsafe` without a SAFETY comment");
            }
        }
    });
}

#[test]
fn nothing_is_unfinished_and_nothing_unwraps_outside_tests() {
    check(|source, complain| {
        for (line, text) in source.text.lines().enumerate() {
            for mark in UNFINISHED.iter().filter(|mark| text.contains(*mark)) {
                complain(line + 1, &format!("{mark} is unfinished work"));
            }
        }
        for (line, code) in source
            .code()
            .take_while(|(line, _)| *line < source.tests_from())
        {
            if code.contains(".unwrap()") {
                complain(
                    line,
                    "unwrap() where expect() should say why it cannot fail",
                );
            }
        }
    });
}

#[test]
fn the_project_speaks_of_itself_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut complaints = Vec::new();
    for path in TEXT.iter().flat_map(|place| files(&root.join(place))) {
        // This file has to name what it looks for.
        if path.ends_with("tests/tidy.rs") {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            for word in OUTSIDE
                .iter()
                .filter(|word| lower.contains(&word.to_lowercase()))
            {
                complaints.push(format!("{}:{}: {word}", path.display(), index + 1));
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn code_is_read_as_rust_reads_it() {
    let named = |code| {
        let named = modules_named(code, 2);
        named.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
    };
    assert_eq!(named("use crate::event::{fd_event, timer};"), ["event"]);
    assert_eq!(
        named("use crate::{\n    api::{Evpl, log},\n    memory::slab,\n};"),
        ["api", "memory"]
    );
    assert_eq!(named("let at = crate::transport::AT;"), ["transport"]);
    assert_eq!(named("use super::super::api::Evpl;"), ["api"]);
    assert!(named("use super::api::Evpl;").is_empty(), "a neighbour");
    assert_eq!(modules_named("\n\nuse crate::sys;", 2), [(3, "sys")]);
    assert!(has_word("unsafe { f() }", "unsafe"));
    assert!(!has_word("forbid(unsafe_code)", "unsafe"));
    assert_eq!(without_comment("f(); // unsafe"), "f(); ");
    assert_eq!(without_comment("f(\"http://x\");"), "f(\"http://x\");");
}

/// One file of `src`.
struct Source {
    /// Below `src`.
    path: String,
    text: String,
}

impl Source {
    /// The folder or file of the map that this file belongs to.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().expect("a path is not empty");
        first.trim_end_matches(".rs")
    }

    /// How many `super` lead from here to the crate's root.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        parts - usize::from(self.path.ends_with("/mod.rs"))
    }

    fn is_test_file(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.ends_with("/models.rs")
    }

    /// The line on which the tests begin; they are last.
    fn tests_from(&self) -> usize {
        if self.is_test_file() {
            return 0;
        }
        let mut lines = self.text.lines().enumerate();
        lines
            .find(|(_, line)| *line == "#[cfg(test)]" || line.starts_with("#[cfg(all(test, "))
            .map_or(usize::MAX, |(index, _)| index + 1)
    }

    /// Numbered lines without their comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines.map(|(index, line)| (index + 1, without_comment(line)))
    }
}

/// Runs `rule` over every file of `src` and fails with all that it complained about.
fn check(rule: impl Fn(&Source, &mut dyn FnMut(usize, &str))) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut complaints = Vec::new();
    for path in files(&root) {
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let below = path.strip_prefix(&root).expect("found below the root");
        let source = Source {
            path: below.to_str().expect("our names are text").to_owned(),
            text: fs::read_to_string(&path).expect("a source file is readable text"),
        };
        rule(&source, &mut |line, what| {
            complaints.push(format!("src/{}:{line}: {what}", source.path));
        });
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// `place` itself or every file below it, build results excepted.
fn files(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let Ok(entries) = fs::read_dir(place) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the tree is readable").path())
        .filter(|path| !path.ends_with("target") && !path.ends_with("Cargo.lock"))
        .flat_map(|path| files(&path))
        .collect();
    found.sort();
    found
}

/// Modules of the crate's root that the code of a file names, each with its line. The file is `depth`
/// modules below the root.
fn modules_named(code: &str, depth: usize) -> Vec<(usize, &str)> {
    let up = "super::".repeat(depth);
    let mut named = Vec::new();
    for root in ["crate::", &up] {
        for (at, _) in code.match_indices(root) {
            let path = &code[at + root.len()..];
            let items = path.strip_prefix('{').map_or(vec![path], items_of_group);
            let line = code[..at].lines().count().max(1);
            let names = items.iter().map(|item| first_word(item.trim()));
            named.extend(
                names
                    .filter(|name| !name.is_empty())
                    .map(|name| (line, name)),
            );
        }
    }
    named
}

/// The items of a `{a::{b, c}, d}` of which the first brace is gone.
fn items_of_group(group: &str) -> Vec<&str> {
    let (mut items, mut begin, mut open) = (Vec::new(), 0, 1);
    for (at, c) in group.char_indices() {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 || (open == 1 && c == ',') {
            items.push(&group[begin..at]);
            begin = at + 1;
        }
        if open == 0 {
            break;
        }
    }
    items
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

fn has_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|found| found == word)
}

/// The line up to a comment; a `//` inside a string is none.
fn without_comment(line: &str) -> &str {
    let comments = line.match_indices("//");
    comments
        .map(|(at, _)| &line[..at])
        .find(|code| code.matches('"').count() % 2 == 0)
        .unwrap_or(line)
}
