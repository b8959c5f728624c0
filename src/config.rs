//! Settings as plain data, with the defaults next to the fields.
//!
//! Setters are stores; what must hold between fields is checked once, by `validate`, when a
//! configuration is adopted. Nothing here applies a setting.

use crate::abi::{
    EVPL_CORE_MECH_DEFAULT, EVPL_CORE_MECH_EPOLL, EVPL_CORE_MECH_KQUEUE, EVPL_CORE_MECH_SELECT,
};
use crate::{log_error, log_info};
use core::ffi::c_int;
use std::ffi::CString;
use std::path::Path;

/// Process-wide settings.
#[derive(Clone, Debug)]
pub struct GlobalConfig {
    /// How readiness is learned: one of `EVPL_CORE_MECH_*`.
    pub core_mech: c_int,
    /// How long a loop keeps polling after the last activity.
    pub spin_ns: u64,
    /// 0: `clock_gettime`, 1: the CPU's counter, 2: the counter where it never stops.
    pub hf_time_mode: u32,
    pub virtual_clock: bool,
    /// Listen backlog; the system's maximum unless set.
    pub max_pending: Option<u32>,
    /// Kept for callers that set it; nothing reads it.
    pub max_poll_fd: u32,
    /// Most pieces in one gather write.
    pub max_num_iovec: u32,
    pub buffer_size: u64,
    pub huge_pages: bool,
    pub huge_page_size: u64,
    pub slab_size: u64,
    pub max_datagram_size: u32,
    pub max_datagram_batch: u32,
    pub iovec_ring_size: u32,
    pub dgram_ring_size: u32,
    pub rdma_request_ring_size: u32,
    pub resolve_timeout_ms: u32,
    pub rpc2_max_message_size: u32,
    pub http_max_header_size: u32,
    pub io_uring_enabled: bool,
    pub io_uring_entries: u32,
    pub rdmacm_enabled: bool,
    pub rdmacm_tos: u8,
    pub rdmacm_max_sge: u32,
    pub rdmacm_cq_size: u32,
    pub rdmacm_sq_size: u32,
    pub rdmacm_srq_size: u32,
    pub rdmacm_srq_min: u32,
    pub rdmacm_srq_batch: u32,
    pub rdmacm_max_inline: u32,
    pub rdmacm_datagram_size_override: u32,
    pub rdmacm_srq_prefill: bool,
    pub rdmacm_retry_count: u32,
    pub rdmacm_rnr_retry_count: u32,
    pub xlio_enabled: bool,
    pub vfio_enabled: bool,
    pub libaio_enabled: bool,
    pub libaio_max_pending: u32,
    pub preallocate_slabs: u32,
    pub preallocate_threads: u32,
    pub tls_cert: Option<CString>,
    pub tls_key: Option<CString>,
    pub tls_ca: Option<CString>,
    pub tls_cipher_list: Option<CString>,
    pub tls_verify_peer: bool,
    pub tls_ktls_enabled: bool,
    /// Sessions that clients remember.
    pub tls_client_sessions: u32,
    /// Sessions that servers remember.
    pub tls_server_sessions: u32,
    /// Tickets that servers give to each client.
    pub tls_server_tickets: u32,
    /// Clients tell the name of the server they want.
    pub tls_send_name: bool,
    /// Clients compare that name with the certificate.
    pub tls_verify_name: bool,
    /// Servers ask for a certificate; as `tls_verify_peer` unless set.
    pub tls_require_client_cert: Option<bool>,
    pub tls_key_log: bool,
    /// The system's; there is no setter.
    pub page_size: usize,
}

impl Default for GlobalConfig {
    fn default() -> Self {
        GlobalConfig {
            core_mech: EVPL_CORE_MECH_DEFAULT,
            spin_ns: SPIN_NS,
            hf_time_mode: 2,
            virtual_clock: false,
            max_pending: None,
            max_poll_fd: 16,
            max_num_iovec: 128,
            buffer_size: 2 << 20,
            huge_pages: false,
            huge_page_size: 2 << 20,
            slab_size: 1 << 30,
            max_datagram_size: 65_536,
            max_datagram_batch: 16,
            iovec_ring_size: 1024,
            dgram_ring_size: 1024,
            rdma_request_ring_size: 64,
            resolve_timeout_ms: 5000,
            rpc2_max_message_size: RPC2_MAX_MESSAGE_SIZE,
            http_max_header_size: 8192,
            io_uring_enabled: true,
            io_uring_entries: 8192,
            rdmacm_enabled: true,
            rdmacm_tos: 0,
            rdmacm_max_sge: 31,
            rdmacm_cq_size: 8192,
            rdmacm_sq_size: 256,
            rdmacm_srq_size: 8192,
            rdmacm_srq_min: 256,
            rdmacm_srq_batch: 16,
            rdmacm_max_inline: 250,
            rdmacm_datagram_size_override: 0,
            rdmacm_srq_prefill: false,
            rdmacm_retry_count: 4,
            rdmacm_rnr_retry_count: 4,
            xlio_enabled: true,
            vfio_enabled: true,
            libaio_enabled: true,
            libaio_max_pending: 256,
            preallocate_slabs: 0,
            preallocate_threads: 0,
            tls_cert: None,
            tls_key: None,
            tls_ca: None,
            tls_cipher_list: None,
            tls_verify_peer: true,
            tls_ktls_enabled: true,
            tls_client_sessions: 0,
            tls_server_sessions: 0,
            tls_server_tickets: 2,
            tls_send_name: false,
            tls_verify_name: false,
            tls_require_client_cert: None,
            tls_key_log: false,
            page_size: system_page_size(),
        }
    }
}

impl GlobalConfig {
    /// Repairs what has an obvious nearest value and refuses the rest, naming it. A buffer smaller
    /// than `max_datagram_size` is legal: a datagram bind then takes what fits in a buffer.
    pub fn validate(&mut self) -> Result<(), String> {
        match self.core_mech {
            EVPL_CORE_MECH_DEFAULT | EVPL_CORE_MECH_EPOLL | EVPL_CORE_MECH_SELECT => (),
            other => {
                return Err(format!(
                    "core mechanism {} is not available",
                    core_mech_name(other)
                ));
            }
        }
        if self.buffer_size == 0 || self.buffer_size > self.slab_size {
            return Err(format!(
                "buffer_size {} is not between 1 and slab_size {}",
                self.buffer_size, self.slab_size
            ));
        }
        self.iovec_ring_size = ring_size(self.iovec_ring_size);
        self.dgram_ring_size = ring_size(self.dgram_ring_size);
        self.max_num_iovec = self.max_num_iovec.clamp(1, IOV_MAX);
        self.max_datagram_size = self.max_datagram_size.max(1);
        self.max_datagram_batch = self.max_datagram_batch.max(1);
        Ok(())
    }

    /// What a loop created without settings of its own gets.
    /// The mechanism in use; `validate` refused what this system does not have.
    pub fn mech(&self) -> CoreMech {
        match self.core_mech {
            EVPL_CORE_MECH_SELECT => CoreMech::Select,
            _ => CoreMech::Epoll,
        }
    }

    pub fn thread_defaults(&self) -> ThreadConfig {
        ThreadConfig {
            spin_ns: self.spin_ns,
            ..ThreadConfig::default()
        }
    }

    /// Takes a page size that could exist; keeps the old one otherwise. Whether the system has such
    /// pages at the moment is only told, since an administrator may add them later.
    pub fn set_huge_page_size(&mut self, size: u64) {
        const HUGE_PAGE_SIZE_MAX: u64 = 16 << 30;
        let possible =
            size.is_power_of_two() && size > self.page_size as u64 && size <= HUGE_PAGE_SIZE_MAX;
        if !possible {
            log_error!(
                "core",
                "huge_page_size {size} is not a power of two above {} and up to \
                 {HUGE_PAGE_SIZE_MAX}, keeping {}",
                self.page_size,
                self.huge_page_size
            );
            return;
        }
        let pool = format!("/sys/kernel/mm/hugepages/hugepages-{}kB", size / 1024);
        if !Path::new(&pool).exists() {
            log_info!("core", "huge_page_size {size} has no pool at {pool}");
        }
        self.huge_page_size = size;
    }

    /// 0 restores the default: the limit is never 0.
    pub fn set_rpc2_max_message_size(&mut self, size: u32) {
        self.rpc2_max_message_size = if size == 0 {
            RPC2_MAX_MESSAGE_SIZE
        } else {
            size
        };
    }
}

/// The mechanisms this system has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreMech {
    Epoll,
    Select,
}

/// Settings of one loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadConfig {
    pub spin_ns: u64,
    /// Whether the loop may switch from waiting to polling while busy.
    pub poll_mode: bool,
    /// Polling passes between two full ones.
    pub poll_iterations: u32,
    /// Longest wait; -1 is without bound.
    pub wait_ms: i32,
}

impl Default for ThreadConfig {
    fn default() -> Self {
        ThreadConfig {
            spin_ns: SPIN_NS,
            poll_mode: true,
            poll_iterations: 1000,
            wait_ms: -1,
        }
    }
}

/// A mechanism's name in messages.
pub fn core_mech_name(mech: c_int) -> &'static str {
    match mech {
        EVPL_CORE_MECH_DEFAULT => "default",
        EVPL_CORE_MECH_EPOLL => "epoll",
        EVPL_CORE_MECH_KQUEUE => "kqueue",
        EVPL_CORE_MECH_SELECT => "select",
        _ => "unknown",
    }
}

const SPIN_NS: u64 = 1_000_000;
const RPC2_MAX_MESSAGE_SIZE: u32 = 4 << 20;
/// The kernel's limit for one gather call.
const IOV_MAX: u32 = libc::UIO_MAXIOV as u32;

fn ring_size(wanted: u32) -> u32 {
    wanted.max(2).checked_next_power_of_two().unwrap_or(1 << 31)
}

fn system_page_size() -> usize {
    // SAFETY: sysconf has no preconditions.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_stay_as_they_are() {
        let mut config = GlobalConfig::default();
        config.validate().unwrap();
        assert_eq!(
            format!("{config:?}"),
            format!("{:?}", GlobalConfig::default())
        );
        assert_eq!(config.thread_defaults(), ThreadConfig::default());
    }

    #[test]
    fn a_buffer_must_fit_its_slab() {
        let with = |buffer_size, slab_size| {
            GlobalConfig {
                buffer_size,
                slab_size,
                ..GlobalConfig::default()
            }
            .validate()
        };
        assert!(with(0, 4096).unwrap_err().contains("buffer_size 0"));
        assert!(with(4097, 4096).is_err());
        assert!(with(4096, 4096).is_ok());
        assert!(with(1 << 33, 1 << 34).is_ok());
    }

    #[test]
    fn a_buffer_smaller_than_a_datagram_is_legal() {
        let mut config = GlobalConfig {
            buffer_size: 4096,
            ..GlobalConfig::default()
        };
        config.validate().unwrap();
        assert_eq!(config.max_datagram_size, 65_536);
    }

    #[test]
    fn sizes_without_meaning_become_the_nearest_that_has_one() {
        let mut config = GlobalConfig {
            iovec_ring_size: 0,
            dgram_ring_size: 1000,
            max_num_iovec: 5000,
            max_datagram_batch: 0,
            ..GlobalConfig::default()
        };
        config.validate().unwrap();
        assert_eq!((config.iovec_ring_size, config.dgram_ring_size), (2, 1024));
        assert_eq!((config.max_num_iovec, config.max_datagram_batch), (1024, 1));
        assert_eq!(ring_size(u32::MAX), 1 << 31);
    }

    #[test]
    fn an_absent_mechanism_is_refused_by_name() {
        for (mech, name) in [(EVPL_CORE_MECH_KQUEUE, "kqueue"), (17, "unknown")] {
            let mut config = GlobalConfig {
                core_mech: mech,
                ..GlobalConfig::default()
            };
            assert!(config.validate().unwrap_err().contains(name));
        }
    }

    #[test]
    fn an_impossible_huge_page_size_keeps_the_old_one() {
        let mut config = GlobalConfig::default();
        for size in [0, 3 << 20, config.page_size as u64, 32 << 30] {
            config.set_huge_page_size(size);
            assert_eq!(config.huge_page_size, 2 << 20);
        }
        config.set_huge_page_size(1 << 30);
        assert_eq!(config.huge_page_size, 1 << 30);
    }

    #[test]
    fn a_zero_message_limit_is_the_default() {
        let mut config = GlobalConfig::default();
        config.set_rpc2_max_message_size(7);
        assert_eq!(config.rpc2_max_message_size, 7);
        config.set_rpc2_max_message_size(0);
        assert_eq!(config.rpc2_max_message_size, 4_194_304);
    }
}
