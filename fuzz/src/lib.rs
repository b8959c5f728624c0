//! What the fuzz targets share: the library on the virtual clock, a listener whose connections never leave the
//! process, and the input as a source of choices. Everything happens on one thread, so that an input means the same
//! each time.

pub mod rdma;

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::Ordering;
use std::sync::{LazyLock, OnceLock};

use ::evpl::abi::{
    VaList, evpl, evpl_attach_callback_t, evpl_iovec, evpl_listener, evpl_listener_binding,
};
use ::evpl::capi::{bind, config, core, endpoint, ext, memory};

pub const STREAM: c_int = ::evpl::abi::EVPL_STREAM_INPROC;
pub const DATAGRAM: c_int = ::evpl::abi::EVPL_DATAGRAM_INPROC;
pub const BUFFER_SIZE: u64 = 4096;
/// The global flag of a reference count: it never moves.
const GLOBAL: u32 = 2;

/// The input, read as choices; zeros when it is used up.
pub struct Choices<'a>(pub &'a [u8]);

impl<'a> Choices<'a> {
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// Mostly small, sometimes more than a buffer.
    pub fn length(&mut self) -> usize {
        let (first, second) = (usize::from(self.byte()), usize::from(self.byte()));
        match first % 4 {
            0 => 1 + second % 8,
            1 => 1 + second,
            2 => 1 + second * 16,
            _ => 1 + second * 64,
        }
    }

    pub fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// Not a multiple of any buffer's size, so that content at the wrong place shows.
const PERIOD: usize = 65_521;

/// Content whose place in a stream can be told; a slice of it may begin anywhere in the first period.
fn content() -> &'static [u8] {
    static CONTENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let byte = |at: usize| ((at % PERIOD) as u64).wrapping_mul(2_654_435_761) >> 13;
        (0..3 * PERIOD).map(|at| byte(at) as u8).collect()
    });
    &CONTENT
}

/// The content from `position`; up to two periods of it.
fn content_at(position: u64, length: usize) -> &'static [u8] {
    let start = (position % PERIOD as u64) as usize;
    &content()[start..start + length]
}

pub fn byte_at(position: u64) -> u8 {
    content_at(position, 1)[0]
}

pub fn fill(bytes: &mut [u8], position: u64) {
    bytes.copy_from_slice(content_at(position, bytes.len()));
}

pub fn check(bytes: &[u8], position: u64) {
    assert!(
        bytes == content_at(position, bytes.len()),
        "content at {position}"
    );
}

unsafe extern "C" fn ignore(
    _level: *const c_char,
    _module: *const c_char,
    _file: *const c_char,
    _line: c_int,
    _fmt: *const c_char,
    _args: VaList,
) {
}

/// What the process has once.
pub struct World {
    listener: usize,
}

pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let listener = unsafe {
            let settings = config::evpl_global_config_init();
            config::evpl_global_config_set_virtual_clock(settings, 1);
            config::evpl_global_config_set_buffer_size(settings, BUFFER_SIZE);
            config::evpl_global_config_set_slab_size(settings, 1 << 20);
            config::evpl_global_config_set_tls_verify_peer(settings, 0);
            ext::evpl_global_config_set_tls_client_sessions(settings, 8);
            core::evpl_init(settings);
            ::evpl::log::set_log_fn(Some(ignore), None);
            let listener = bind::evpl_listener_create();
            for (protocol, name) in [(STREAM, c"stream"), (DATAGRAM, c"datagram")] {
                let place = endpoint::evpl_endpoint_create_inproc(name.as_ptr());
                assert_eq!(bind::evpl_listen(listener, protocol, place), 0);
                endpoint::evpl_endpoint_close(place);
            }
            listener
        };
        World {
            listener: listener.expose_provenance(),
        }
    })
}

impl World {
    fn listener(&self) -> *mut evpl_listener {
        std::ptr::with_exposed_provenance_mut(self.listener)
    }

    /// A loop that takes the listener's connections.
    pub fn attach(&self, callback: evpl_attach_callback_t, private_data: *mut c_void) -> Loop {
        let outstanding = outstanding_buffers();
        let evpl = unsafe { core::evpl_create(std::ptr::null_mut()) };
        let binding =
            unsafe { bind::evpl_listener_attach(evpl, self.listener(), callback, private_data) };
        Loop {
            evpl,
            binding,
            outstanding,
        }
    }
}

/// One input's loop. `destroy` ends it and checks that no buffer is missing.
pub struct Loop {
    pub evpl: *mut evpl,
    binding: *mut evpl_listener_binding,
    outstanding: i64,
}

impl Loop {
    pub fn pass(&self) {
        unsafe { core::evpl_continue(self.evpl) }
    }

    pub fn destroy(self) {
        unsafe {
            bind::evpl_listener_detach(self.evpl, self.binding);
            core::evpl_destroy(self.evpl);
        }
        assert_eq!(
            outstanding_buffers(),
            self.outstanding,
            "buffers that nobody released"
        );
    }
}

pub fn outstanding_buffers() -> i64 {
    let mut text = vec![0u8; 1 << 16];
    let length =
        unsafe { core::evpl_metrics_scrape(text.as_mut_ptr().cast(), text.len() as c_int) };
    let text = std::str::from_utf8(&text[..length as usize]).expect("metrics are text");
    let value = |name: &str| -> i64 {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .expect("a metric of the allocator");
        line.trim_start_matches("{} ").parse().expect("a number")
    };
    let per_slab = (1 << 20) / BUFFER_SIZE as i64;
    value("evpl_allocator_total_slabs") * per_slab - value("evpl_allocator_free_buffers")
}

/// As the inline function of the C header does.
pub fn release(evpl: *mut evpl, iovec: &evpl_iovec) {
    let record = iovec.ref_;
    unsafe {
        if (*record).flags & GLOBAL != 0 || (*record).refcnt.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        (*record).release.expect("every buffer has one")(evpl, record);
    }
}

/// `length` bytes of the content from `position`, in as many pieces as needed.
pub fn allocate(evpl: *mut evpl, length: usize, position: u64, flags: u32) -> Vec<evpl_iovec> {
    const PIECES_MAX: usize = 16;
    let mut pieces: Vec<evpl_iovec> = Vec::with_capacity(PIECES_MAX);
    let count = unsafe {
        memory::evpl_iovec_alloc(
            evpl,
            length as u32,
            0,
            PIECES_MAX as u32,
            flags,
            pieces.as_mut_ptr(),
        )
    };
    assert!(count > 0, "{length} bytes in {PIECES_MAX} pieces");
    unsafe { pieces.set_len(count as usize) };
    let mut at = position;
    for piece in &pieces {
        fill(unsafe { bytes_of(piece) }, at);
        at += u64::from(piece.length);
    }
    assert_eq!(at - position, length as u64);
    pieces
}

/// # Safety
/// The iovec's reference is held, and nobody else looks at its bytes.
pub unsafe fn bytes_of<'a>(iovec: &evpl_iovec) -> &'a mut [u8] {
    unsafe { std::slice::from_raw_parts_mut(iovec.data.cast(), iovec.length as usize) }
}

/// An iovec for the library to write.
pub fn no_iovec() -> evpl_iovec {
    evpl_iovec {
        data: std::ptr::null_mut(),
        length: 0,
        pad: 0,
        ref_: std::ptr::null_mut(),
    }
}
