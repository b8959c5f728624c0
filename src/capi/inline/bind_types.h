/**
 * A received message, of type EVPL_NOTIFY_RECV_MSG. The array belongs to the library and is valid
 * during the callback. One reference of each iovec passes to the application, which releases it
 * exactly once, then or later on the same thread.
 */
struct evpl_notify_recv_msg {
    struct evpl_iovec *iovec;
    unsigned int niov;
    /** Bytes in all. */
    unsigned int length;
    /** The sender, borrowed for the callback. */
    struct evpl_address *addr;
};

/** What was handed to the transport since the last such event, of type EVPL_NOTIFY_SENT. */
struct evpl_notify_sent {
    unsigned long bytes;
    /** Whole messages; 0 on a stream without a segment callback. */
    unsigned long msgs;
};

/** One event of a bind, valid during the notify callback. */
struct evpl_notify {
    /** One of EVPL_NOTIFY_*. */
    unsigned int notify_type;
    /** Always 0. */
    int notify_status;
    union {
        struct evpl_notify_recv_msg recv_msg;
        struct evpl_notify_sent sent;
    };
};
