//! Log lines: levels, the default sink's line format, and the user's sink.
//!
//! Everything here may be called from any thread, before the library is initialised and while the
//! process goes down, so it takes no lock and makes no allocation. There is no filter: each message
//! reaches the sink. A line has a bound; what gives way is the message's tail, never the fields
//! behind it or the newline.

use crate::abi::{VaList, evpl_flush_fn, evpl_log_fn};
use core::ffi::{CStr, c_char, c_int};
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use core::time::Duration;
use std::sync::Once;
use std::time::{SystemTime, UNIX_EPOCH};

/// Reports what only a developer wants to see: `log_debug!("inproc", "name {name} has no listener")`.
#[macro_export]
macro_rules! log_debug {
    ($module:expr, $($text:tt)+) => {
        $crate::log::write($crate::log::Level::Debug, $module, file!(), line!(), format_args!($($text)+))
    };
}

/// Reports what an operator may want to know.
#[macro_export]
macro_rules! log_info {
    ($module:expr, $($text:tt)+) => {
        $crate::log::write($crate::log::Level::Info, $module, file!(), line!(), format_args!($($text)+))
    };
}

/// Reports a failed operation; the process goes on.
#[macro_export]
macro_rules! log_error {
    ($module:expr, $($text:tt)+) => {
        $crate::log::write($crate::log::Level::Error, $module, file!(), line!(), format_args!($($text)+))
    };
}

/// Ends the process with status 1, exit handlers included, after a line at level fatal: nothing can
/// be reported to the caller and nothing is wrong with its use of the library.
#[macro_export]
macro_rules! fatal {
    ($module:expr, $($text:tt)+) => {
        $crate::log::exit_process($module, file!(), line!(), format_args!($($text)+))
    };
}

/// Ends the process with SIGABRT after a line at level fatal: the caller or the library has a bug.
#[macro_export]
macro_rules! abort {
    ($module:expr, $($text:tt)+) => {
        $crate::log::abort_process($module, file!(), line!(), format_args!($($text)+))
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Error,
    Fatal,
}

impl Level {
    fn name(self) -> &'static CStr {
        match self {
            Level::Debug => c"debug",
            Level::Info => c"info",
            Level::Error => c"error",
            Level::Fatal => c"fatal",
        }
    }
}

static FATAL: AtomicBool = AtomicBool::new(false);

/// Whether the process is ending because of a line at level fatal: what it leaves behind then says
/// nothing about the program.
pub fn is_fatal() -> bool {
    FATAL.load(Ordering::Relaxed)
}

fn note_fatal(level: Level) {
    if level == Level::Fatal {
        FATAL.store(true, Ordering::Relaxed);
    }
}

/// Replaces the sink and its flush function. No log function means the default sink again.
pub fn set_log_fn(log: evpl_log_fn, flush: evpl_flush_fn) {
    LOG_FN.store(
        log.map_or(core::ptr::null_mut(), |f| f as *mut ()),
        Ordering::Release,
    );
    FLUSH_FN.store(
        flush.map_or(core::ptr::null_mut(), |f| f as *mut ()),
        Ordering::Release,
    );
}

/// Calls the user's flush function, if there is one. For the last line of a process only.
pub fn flush() {
    let flush = FLUSH_FN.load(Ordering::Acquire);
    // SAFETY: only `set_log_fn` stores here, and it stores NULL or a function of this type.
    if let Some(flush) = unsafe { core::mem::transmute::<*mut (), evpl_flush_fn>(flush) } {
        // SAFETY: the user gave it as callable at any time from any thread.
        unsafe { flush() };
    }
}

/// One message from this library. The macros call it.
pub fn write(level: Level, module: &str, file: &str, line: u32, text: fmt::Arguments) {
    note_fatal(level);
    let mut message = Buffer::<LINE_LEN_MAX>::new();
    // A full buffer drops the tail and reports no error.
    let _ = message.write_fmt(text);
    match user_sink() {
        Some(sink) => write_forward(sink, level, module, file, line, &mut message),
        None => write_default(
            level,
            module.as_bytes(),
            file.as_bytes(),
            i64::from(line),
            &message,
        ),
    }
}

/// One message from C, with its arguments still unformatted.
///
/// # Safety
/// The strings are NULL or NUL-terminated, and `args` is a started `va_list` that fits `fmt`.
pub unsafe fn vlog(
    level: Level,
    module: *const c_char,
    file: *const c_char,
    line: c_int,
    fmt: *const c_char,
    args: VaList,
) {
    note_fatal(level);
    let fmt = if fmt.is_null() { c"".as_ptr() } else { fmt };
    if let Some(sink) = user_sink() {
        // SAFETY: the sink takes exactly what our caller vouches for.
        unsafe { sink(level.name().as_ptr(), module, file, line, fmt, args) };
        return;
    }
    let mut message = Buffer::<LINE_LEN_MAX>::new();
    // SAFETY: the buffer has the given room, and our caller vouches for `fmt` and `args`.
    let len = unsafe {
        evpl_log_vformat(
            message.bytes.as_mut_ptr().cast(),
            message.bytes.len(),
            fmt,
            args,
        )
    };
    message.len = usize::try_from(len)
        .unwrap_or(0)
        .min(message.bytes.len() - 1);
    // SAFETY: our caller vouches for both strings.
    let (module, file) = unsafe { (c_bytes(&module), c_bytes(&file)) };
    write_default(level, module, file, i64::from(line), &message);
}

/// What `fatal!` does.
pub fn exit_process(module: &str, file: &str, line: u32, text: fmt::Arguments) -> ! {
    write(Level::Fatal, module, file, line, text);
    flush();
    std::process::exit(1)
}

/// What `abort!` does.
pub fn abort_process(module: &str, file: &str, line: u32, text: fmt::Arguments) -> ! {
    write(Level::Fatal, module, file, line, text);
    flush();
    std::process::abort()
}

/// Makes a panic in this library a line at level fatal; the abort that follows is the profile's.
/// Panics of a Rust program that links us keep the hook they had.
pub fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| match panic.location() {
            Some(place) if place.file().starts_with(source_root()) => {
                let cause = panic.payload_as_str().unwrap_or("no message");
                write(
                    Level::Fatal,
                    "core",
                    place.file(),
                    place.line(),
                    format_args!("panic: {cause}"),
                );
                flush();
            }
            _ => previous(panic),
        }));
    });
}

/// The folder of the sources as the compiler names it in panic locations.
fn source_root() -> &'static str {
    file!().trim_end_matches("log.rs")
}

/// The longest line. A pipe takes this much in one piece, so lines of several threads never mix.
const LINE_LEN_MAX: usize = libc::PIPE_BUF;
/// Room for the fields behind the message, module and file name (bounded in turn) included.
const FIELDS_LEN_MAX: usize = 768;
const MODULE_LEN_MAX: usize = 64;
const FILE_LEN_MAX: usize = 512;

static LOG_FN: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());
static FLUSH_FN: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

unsafe extern "C" {
    /// Calls `sink` with the variable arguments as a `va_list`.
    fn evpl_log_forward(
        sink: evpl_log_fn,
        level: *const c_char,
        module: *const c_char,
        file: *const c_char,
        line: c_int,
        fmt: *const c_char,
        ...
    );
    /// `vsnprintf`.
    fn evpl_log_vformat(buf: *mut c_char, size: usize, fmt: *const c_char, args: VaList) -> c_int;
}

type Sink =
    unsafe extern "C" fn(*const c_char, *const c_char, *const c_char, c_int, *const c_char, VaList);

fn user_sink() -> Option<Sink> {
    let sink = LOG_FN.load(Ordering::Acquire);
    // SAFETY: only `set_log_fn` stores here, and it stores NULL or a function of this type.
    unsafe { core::mem::transmute::<*mut (), evpl_log_fn>(sink) }
}

fn write_forward(
    sink: Sink,
    level: Level,
    module: &str,
    file: &str,
    line: u32,
    message: &mut Buffer<LINE_LEN_MAX>,
) {
    let mut module_text = Buffer::<MODULE_LEN_MAX>::new();
    module_text.push(module.as_bytes());
    let mut file_text = Buffer::<FILE_LEN_MAX>::new();
    file_text.push(file.as_bytes());
    // SAFETY: every string is NUL-terminated and lives across the call, and "%s" takes one of them.
    unsafe {
        evpl_log_forward(
            Some(sink),
            level.name().as_ptr(),
            module_text.as_c_str(),
            file_text.as_c_str(),
            c_int::try_from(line).unwrap_or(c_int::MAX),
            c"%s".as_ptr(),
            message.as_c_str(),
        );
    }
}

fn write_default(
    level: Level,
    module: &[u8],
    file: &[u8],
    line: i64,
    message: &Buffer<LINE_LEN_MAX>,
) {
    let mut out = Buffer::<LINE_LEN_MAX>::new();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    render(&mut out, now, level, module, file, line, message.as_bytes());
    // SAFETY: the bytes are initialised. A sink that takes only a part, or nothing, loses the rest:
    // there is nobody to tell.
    unsafe { libc::write(libc::STDERR_FILENO, out.bytes.as_ptr().cast(), out.len) };
}

/// Puts one line of the default sink into `out`, whose bytes after the date are the message, cut to
/// what the fields leave.
fn render(
    out: &mut Buffer<LINE_LEN_MAX>,
    now: Duration,
    level: Level,
    module: &[u8],
    file: &[u8],
    line: i64,
    message: &[u8],
) {
    // SAFETY: gettid has no preconditions.
    let thread = unsafe { libc::gettid() };
    let mut fields = Buffer::<FIELDS_LEN_MAX>::new();
    let _ = write!(
        fields,
        "\" process={} thread={thread} level={} module=",
        std::process::id(),
        level.name().to_str().expect("level names are ascii"),
    );
    fields.push(&module[..module.len().min(MODULE_LEN_MAX)]);
    fields.push(b" file=\"");
    fields.push(&file[..file.len().min(FILE_LEN_MAX)]);
    let _ = writeln!(fields, ":{line}\"");

    let (year, month, day) = civil_date(now.as_secs() / 86_400);
    let second = now.as_secs() % 86_400;
    let _ = write!(
        out,
        "time={year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:09}Z message=\"",
        second / 3600,
        second / 60 % 60,
        second % 60,
        now.subsec_nanos(),
    );
    out.push(&message[..message.len().min(LINE_LEN_MAX - out.len - fields.len)]);
    out.push(fields.as_bytes());
}

/// Year, month and day of the given day after 1970-01-01, in the Gregorian calendar. Years are
/// counted from March so that the leap day is the last of its year.
fn civil_date(days: u64) -> (u64, u64, u64) {
    const DAYS_0000_03_01_TO_1970_01_01: u64 = 719_468;
    const DAYS_400_YEARS: u64 = 146_097;
    let days = days + DAYS_0000_03_01_TO_1970_01_01;
    let (era, day_of_era) = (days / DAYS_400_YEARS, days % DAYS_400_YEARS);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The bytes of a C string, none for NULL.
///
/// # Safety
/// `text` is NULL or NUL-terminated, and lives as long as the borrow.
unsafe fn c_bytes(text: &*const c_char) -> &[u8] {
    match text.is_null() {
        true => &[],
        // SAFETY: the contract above.
        false => unsafe { CStr::from_ptr(*text) }.to_bytes(),
    }
}

/// Bytes on the stack that take what fits and drop the rest.
struct Buffer<const SIZE: usize> {
    bytes: [u8; SIZE],
    len: usize,
}

impl<const SIZE: usize> Buffer<SIZE> {
    fn new() -> Self {
        Buffer {
            bytes: [0; SIZE],
            len: 0,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let taken = bytes.len().min(SIZE - self.len);
        self.bytes[self.len..self.len + taken].copy_from_slice(&bytes[..taken]);
        self.len += taken;
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The text for C: at least the last byte goes to the terminator, and a zero inside shows as `?`.
    fn as_c_str(&mut self) -> *const c_char {
        self.len = self.len.min(SIZE - 1);
        self.bytes[..self.len]
            .iter_mut()
            .filter(|byte| **byte == 0)
            .for_each(|byte| *byte = b'?');
        self.bytes[self.len] = 0;
        self.bytes.as_ptr().cast()
    }
}

impl<const SIZE: usize> Write for Buffer<SIZE> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    use std::sync::Mutex;

    fn line_of(message: &[u8]) -> String {
        let mut out = Buffer::new();
        let now = Duration::new(951_782_400 + 3_661, 7);
        render(
            &mut out,
            now,
            Level::Error,
            b"core",
            b"src/x.rs",
            42,
            message,
        );
        String::from_utf8(out.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_line_has_the_documented_form() {
        // SAFETY: gettid has no preconditions.
        let (process, thread) = (std::process::id(), unsafe { libc::gettid() });
        assert_eq!(
            line_of(b"bind 1 gone"),
            format!(
                "time=2000-02-29T01:01:01.000000007Z message=\"bind 1 gone\" process={process} \
                 thread={thread} level=error module=core file=\"src/x.rs:42\"\n"
            )
        );
    }

    #[test]
    fn a_long_message_loses_its_tail_and_no_field() {
        let line = line_of(&[b'x'; 9000]);
        assert_eq!(line.len(), LINE_LEN_MAX);
        assert!(line.contains("xxx\" process="));
        assert!(line.ends_with(" level=error module=core file=\"src/x.rs:42\"\n"));
    }

    #[test]
    fn names_of_any_length_leave_room_for_the_newline() {
        let mut out = Buffer::new();
        let name = [b'n'; 5000];
        render(
            &mut out,
            Duration::ZERO,
            Level::Debug,
            &name,
            &name,
            i64::MIN,
            b"m",
        );
        assert!(out.as_bytes().ends_with(b":-9223372036854775808\"\n"));
        assert!(
            out.as_bytes()
                .starts_with(b"time=1970-01-01T00:00:00.000000000Z message=\"m\"")
        );
    }

    #[test]
    fn dates_follow_the_calendar() {
        assert_eq!(civil_date(0), (1970, 1, 1));
        assert_eq!(civil_date(59), (1970, 3, 1));
        assert_eq!(civil_date(11_016), (2000, 2, 29));
        assert_eq!(civil_date(19_723), (2024, 1, 1));
        assert_eq!(civil_date(47_540), (2100, 2, 28));
        assert_eq!(civil_date(47_541), (2100, 3, 1));
    }

    static SEEN: Mutex<Vec<(String, String, c_int, String)>> = Mutex::new(Vec::new());

    unsafe extern "C" fn sink(
        level: *const c_char,
        module: *const c_char,
        _file: *const c_char,
        line: c_int,
        fmt: *const c_char,
        args: VaList,
    ) {
        let mut text = [0u8; 64];
        // SAFETY: called by the log with valid strings and a started va_list.
        let texts = unsafe {
            evpl_log_vformat(text.as_mut_ptr().cast(), text.len(), fmt, args);
            [level, module].map(|s| CStr::from_ptr(s).to_str().unwrap().to_owned())
        };
        let text = CStr::from_bytes_until_nul(&text)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let [level, module] = texts;
        if module == "log_test" {
            SEEN.lock().unwrap().push((level, module, line, text));
        }
    }

    #[test]
    fn a_user_sink_gets_each_message_until_it_is_taken_away() {
        set_log_fn(Some(sink), None);
        log_info!("log_test", "50% of {}\0", 3);
        let line = line!() as c_int - 1;
        set_log_fn(None, None);
        log_info!("log_test", "to stderr");
        let expected = ("info".into(), "log_test".into(), line, "50% of 3?".into());
        assert_eq!(*SEEN.lock().unwrap(), [expected]);
    }

    const CHILD: &str = "EVPL_LOG_TEST_CHILD";

    #[test]
    fn child() {
        match std::env::var(CHILD).as_deref() {
            Ok("fatal") => fatal!("core", "out of {}", "luck"),
            Ok("abort") => abort!("core", "caller bug"),
            Ok("panic") => {
                install_panic_hook();
                panic!("our bug {}", 1)
            }
            _ => (),
        }
    }

    fn run_child(way: &str) -> (std::process::ExitStatus, String) {
        let name = concat!(module_path!(), "::child")
            .split_once("::")
            .unwrap()
            .1;
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, way)
            .output()
            .unwrap();
        (output.status, String::from_utf8(output.stderr).unwrap())
    }

    #[test]
    fn fatal_leaves_a_line_and_status_1() {
        let (status, stderr) = run_child("fatal");
        assert_eq!(status.code(), Some(1));
        assert!(stderr.contains("message=\"out of luck\"") && stderr.contains(" level=fatal "));
    }

    #[test]
    fn abort_leaves_a_line_and_sigabrt() {
        let (status, stderr) = run_child("abort");
        assert_eq!(status.signal(), Some(libc::SIGABRT));
        assert!(stderr.contains("message=\"caller bug\"") && stderr.contains(" level=fatal "));
    }

    #[test]
    fn a_panic_is_logged_with_its_place() {
        let (status, stderr) = run_child("panic");
        assert!(!status.success());
        assert!(stderr.contains("message=\"panic: our bug 1\""), "{stderr}");
        assert!(stderr.contains("log.rs:"));
    }
}
