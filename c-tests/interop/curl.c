// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX
// cflags: -D_GNU_SOURCE

// curl fetches a page twice over one connection, and uploads one.

#include "program.h"

#define LENGTH (3u << 20)

static int requests;

static void
answer(struct side *side)
{
    static unsigned char body[LENGTH];
    char head[100];

    requests++;
    pattern_fill(body, LENGTH, 0);
    evpl_send(side->evpl, side->bind, head,
              (unsigned int) snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", LENGTH));
    evpl_send(side->evpl, side->bind, body, LENGTH);
}

static int
serve(struct side *side, struct evpl_notify *notify)
{
    const char *end, *length;

    if (notify->notify_type != EVPL_NOTIFY_RECV_DATA) {
        return 0;
    }
    side_take_data(side);
    while ((end = memmem(side->data, side->length, "\r\n\r\n", 4)) != NULL) {
        size_t head = (size_t) (end + 4 - (char *) side->data), body = 0;

        length = memmem(side->data, head, "Content-Length: ", 16);
        if (length != NULL) {
            body = (size_t) atoi(length + 16);
        }
        if (side->length < head + body) {
            return 1;
        }
        if (body > 0) {
            CHECK(pattern_matches(side->data + head, body, 0));
        }
        side->length -= head + body;
        memmove(side->data, side->data + head + body, side->length);
        answer(side);
    }
    return 1;
}

int
main(void)
{
    struct flow flow = { .server_hook = serve };
    char where[200] = "", url[100] = "http://localhost/";
    pid_t pid;

    program_need("curl");
    flow_start(&flow);
    if (evpl_protocol_is_local(flow.protocol)) {
        snprintf(where, sizeof(where), "--unix-socket %s", flow.path);
    } else {
        snprintf(url, sizeof(url), "http://127.0.0.1:%d/", flow.port);
    }
    pid = program_start("curl -s --noproxy '*' --max-time 50 %s %sone %stwo -o one -o two", where, url, url);
    CHECK_EQ(program_wait(flow.evpl, pid, 50000), 0);
    CHECK_EQ(flow.accepts, 1);
    CHECK_EQ(requests, 2);
    file_check_pattern("one", LENGTH);
    file_check_pattern("two", LENGTH);

    pid = program_start("curl -s --noproxy '*' --max-time 50 -H 'Expect:' --data-binary @one -o three %s %s", where, url);
    CHECK_EQ(program_wait(flow.evpl, pid, 50000), 0);
    CHECK_EQ(requests, 3);
    file_check_pattern("three", LENGTH);
    flow_end(&flow);
    return 0;
}
