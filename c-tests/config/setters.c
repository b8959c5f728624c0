// matrix: none
// Every setter works before init, twice, and init accepts sensible values of all of them.
#include "../test.h"

int
main(void)
{
    struct evpl_global_config *config = evpl_global_config_init();

    for (int round = 0; round < 2; round++) {
        evpl_global_config_set_core_mech(config, EVPL_CORE_MECH_SELECT);
        evpl_global_config_set_spin_ns(config, 1000);
        evpl_global_config_set_hf_time_mode(config, 0);
        evpl_global_config_set_virtual_clock(config, 0);
        evpl_global_config_set_max_pending(config, 64);
        evpl_global_config_set_max_poll_fd(config, 8);
        evpl_global_config_set_max_num_iovec(config, 64);
        evpl_global_config_set_buffer_size(config, 65536);
        evpl_global_config_set_slab_size(config, 1 << 24);
        evpl_global_config_set_huge_pages(config, 0);
        evpl_global_config_set_huge_page_size(config, 2 << 20);
        evpl_global_config_set_max_datagram_size(config, 16384);
        evpl_global_config_set_max_datagram_batch(config, 8);
        evpl_global_config_set_iovec_ring_size(config, 256);
        evpl_global_config_set_dgram_ring_size(config, 256);
        evpl_global_config_set_rdma_request_ring_size(config, 32);
        evpl_global_config_set_resolve_timeout_ms(config, 100);
        evpl_global_config_set_rpc2_max_message_size(config, 12345);
        evpl_global_config_set_http_max_header_size(config, 4096);
        evpl_global_config_set_io_uring_enabled(config, 0);
        evpl_global_config_set_io_uring_entries(config, 128);
        evpl_global_config_set_rdmacm_enabled(config, 0);
        evpl_global_config_set_rdmacm_tos(config, 1);
        evpl_global_config_set_rdmacm_max_sge(config, 4);
        evpl_global_config_set_rdmacm_cq_size(config, 128);
        evpl_global_config_set_rdmacm_sq_size(config, 128);
        evpl_global_config_set_rdmacm_srq_size(config, 128);
        evpl_global_config_set_rdmacm_srq_min(config, 16);
        evpl_global_config_set_rdmacm_srq_batch(config, 4);
        evpl_global_config_set_rdmacm_max_inline(config, 64);
        evpl_global_config_set_rdmacm_datagram_size_override(config, 4096);
        evpl_global_config_set_rdmacm_srq_prefill(config, 1);
        evpl_global_config_set_rdmacm_retry_count(config, 2);
        evpl_global_config_set_rdmacm_rnr_retry_count(config, 2);
        evpl_global_config_set_xlio_enabled(config, 0);
        evpl_global_config_set_vfio_enabled(config, 0);
        evpl_global_config_set_libaio_enabled(config, 0);
        evpl_global_config_set_libaio_max_pending(config, 16);
        evpl_global_config_set_preallocate_slabs(config, 0);
        evpl_global_config_set_preallocate_threads(config, 0);
        evpl_global_config_set_tls_cert(config, "/nonexistent/cert");
        evpl_global_config_set_tls_key(config, "/nonexistent/key");
        evpl_global_config_set_tls_ca(config, "/nonexistent/ca");
        evpl_global_config_set_tls_cipher_list(config, "none");
        evpl_global_config_set_tls_verify_peer(config, 0);
        evpl_global_config_set_tls_ktls_enabled(config, 0);
    }
    evpl_init(config);
    CHECK_EQ(evpl_get_slab_size(), 1 << 24);
    evpl_destroy(test_evpl());
    return 0;
}
