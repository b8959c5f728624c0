//! The library's SONAME, and the one C file. Nothing is generated.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/capi/log_variadic.c");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libevpl.so");
    cc::Build::new()
        .file("src/capi/log_variadic.c")
        .std("c11")
        .flag("-fvisibility=hidden")
        .warnings(true)
        .extra_warnings(true)
        .compile("evpl_log_variadic");
}
