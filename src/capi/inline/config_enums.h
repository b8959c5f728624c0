/** How a loop waits for events of the kernel. */
enum evpl_core_mech {
    EVPL_CORE_MECH_DEFAULT = 0,
    EVPL_CORE_MECH_EPOLL   = 1,
    EVPL_CORE_MECH_KQUEUE  = 2,
    EVPL_CORE_MECH_SELECT  = 3
};
