// Echo server on libuv. It has one buffer for all connections and tries to write at once, so that the
// usual case allocates nothing.
//
//     echo_uv PORT
#include "bench.h"

#include <signal.h>
#include <uv.h>

static char buffer[64 << 10];

struct leftover {
    uv_write_t request;
    char bytes[];
};

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void) handle, (void) suggested;
    *out = uv_buf_init(buffer, sizeof(buffer));
}

static void on_close(uv_handle_t *handle)
{
    free(handle);
}

static void on_written(uv_write_t *request, int status)
{
    (void) status;
    free(request);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *received)
{
    uv_buf_t out;
    struct leftover *leftover;
    int sent;

    if (n == 0)
        return;
    if (n < 0) {
        uv_close((uv_handle_t *) stream, on_close);
        return;
    }
    out = uv_buf_init(received->base, n);
    sent = uv_try_write(stream, &out, 1);
    if (sent == n)
        return;
    sent = sent < 0 ? 0 : sent;
    leftover = malloc(sizeof(*leftover) + n - sent);
    memcpy(leftover->bytes, received->base + sent, n - sent);
    out = uv_buf_init(leftover->bytes, n - sent);
    uv_write(&leftover->request, stream, &out, 1, on_written);
}

static void on_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *connection = malloc(sizeof(*connection));

    (void) status;
    uv_tcp_init(listener->loop, connection);
    if (uv_accept(listener, (uv_stream_t *) connection) != 0) {
        uv_close((uv_handle_t *) connection, on_close);
        return;
    }
    uv_tcp_nodelay(connection, 1);
    uv_read_start((uv_stream_t *) connection, on_alloc, on_read);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address;
    uv_tcp_t listener;

    if (argc < 2)
        return 2;
    descriptors_to_the_limit();
    signal(SIGPIPE, SIG_IGN);
    address = loopback(atoi(argv[1]));
    uv_tcp_init(uv_default_loop(), &listener);
    if (uv_tcp_bind(&listener, (struct sockaddr *) &address, 0) != 0 ||
        uv_listen((uv_stream_t *) &listener, 65535, on_connection) != 0)
        die("listen");
    puts("listening");
    fflush(stdout);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
