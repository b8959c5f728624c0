//! The printf-like log functions.
//!
//! Stable Rust defines no C-variadic function, and a C function that is linked into the library is
//! not exported. So each exported symbol is a jump, which leaves all arguments where they are, to a
//! hidden C function of log_variadic.c, which makes a `va_list` and hands it back to Rust.

use core::arch::{global_asm, naked_asm};
use core::ffi::{c_char, c_int};
use std::process;

use crate::abi::VaList;
use crate::log::{self, Level};

#[cfg(target_arch = "x86_64")]
macro_rules! jump {
    () => {
        "jmp {}"
    };
}

#[cfg(target_arch = "aarch64")]
macro_rules! jump {
    () => {
        "b {}"
    };
}

/// The parameters of the C functions, as far as they are fixed.
macro_rules! variadic {
    ($($exported:ident -> $hidden:ident: $ret:ty;)*) => {
        unsafe extern "C" {
            $(fn $hidden(
                module: *const c_char,
                srcfile: *const c_char,
                lineno: c_int,
                fmt: *const c_char,
                ...
            );)*
        }

        $(
            #[unsafe(naked)]
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $exported(
                module: *const c_char,
                srcfile: *const c_char,
                lineno: c_int,
                fmt: *const c_char,
            ) -> $ret {
                naked_asm!(jump!(), sym $hidden)
            }
        )*
    };
}

variadic! {
    evpl_debug -> evpl_log_debug: ();
    evpl_info -> evpl_log_info: ();
    evpl_error -> evpl_log_error: ();
    evpl_fatal -> evpl_log_fatal: !;
    evpl_abort -> evpl_log_abort: !;
}

// The name that log_variadic.c calls. A `no_mangle` function would be exported; this one is hidden.
global_asm!(
    ".pushsection .text.evpl_log_line, \"ax\", @progbits",
    ".globl evpl_log_line",
    ".hidden evpl_log_line",
    ".type evpl_log_line, @function",
    "evpl_log_line:",
    jump!(),
    ".size evpl_log_line, . - evpl_log_line",
    ".popsection",
    sym log_line,
);

/// What ends with a line; the numbers are those of log_variadic.c.
const DEBUG: c_int = 0;
const INFO: c_int = 1;
const ERROR: c_int = 2;
const FATAL: c_int = 3;

/// # Safety
/// The strings are terminated, and `args` are what `fmt` asks for.
unsafe extern "C" fn log_line(
    kind: c_int,
    module: *const c_char,
    srcfile: *const c_char,
    lineno: c_int,
    fmt: *const c_char,
    args: VaList,
) {
    let level = match kind {
        DEBUG => Level::Debug,
        INFO => Level::Info,
        ERROR => Level::Error,
        _ => Level::Fatal,
    };
    // SAFETY: the contract above.
    unsafe { log::vlog(level, module, srcfile, lineno, fmt, args) };
    if !matches!(level, Level::Fatal) {
        return;
    }
    log::flush();
    if kind == FATAL {
        process::exit(1);
    }
    process::abort();
}
