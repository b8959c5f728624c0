// Bytes in one direction over TLS 1.3 on OpenSSL, from one thread to another, in writes of SIZE.
//
//     bulk_ssl SIZE [SECONDS]
//
// The environment names certificate and key, as for the library. Blocking SSL_write and SSL_read over a loopback connection, with buffers of SIZE at both ends.
#include <openssl/ssl.h>

#include "bench.h"

#define WARM_UP_S 0.05

static size_t size;
static int sender_fd, receiver_fd;

static SSL *ssl_for(SSL_CTX *context, int fd)
{
    SSL *ssl = SSL_new(context);

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
        die("SSL_new");
    return ssl;
}

static void *sender(void *unused)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = ssl_for(context, sender_fd);
    char *buffer = malloc(size);

    (void) unused;
    pin(0);
    memset(buffer, 1, size);
    if (SSL_connect(ssl) != 1)
        die("SSL_connect");
    while (SSL_write(ssl, buffer, size) > 0)
        ;
    return NULL;
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? atof(argv[2]) : 0.25;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    uint64_t from, started = 0;
    unsigned long bytes = 0;
    double cpu = 0;
    pthread_t thread;
    char *buffer;
    SSL *ssl;
    int n;

    if (argc < 2)
        return 2;
    size = atol(argv[1]);
    give_up_after(seconds + 20);
    if (SSL_CTX_use_certificate_chain_file(context, getenv("EVPL_BENCH_CERT")) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, getenv("EVPL_BENCH_KEY"), SSL_FILETYPE_PEM) != 1)
        die("certificate and key");
    pair_tcp(&sender_fd, &receiver_fd);
    pthread_create(&thread, NULL, sender, NULL);
    pin(1);
    ssl = ssl_for(context, receiver_fd);
    buffer = malloc(size);
    if (SSL_accept(ssl) != 1)
        die("SSL_accept");
    from = now_ns() + WARM_UP_S * 1e9;
    while ((n = SSL_read(ssl, buffer, size)) > 0) {
        uint64_t now = now_ns();

        if (started == 0) {
            if (now >= from) {
                started = now;
                cpu = process_cpu_s();
            }
            continue;
        }
        bytes += n;
        if (now - started >= seconds * 1e9) {
            figure("gb_per_s", bytes / (double) (now - started));
            figure("cpu_s_per_gb", (process_cpu_s() - cpu) * 1e9 / bytes);
            return 0;
        }
    }
    die("SSL_read");
}
