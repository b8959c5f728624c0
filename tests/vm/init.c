/*
 * The first process of a guest kernel: loads modules, puts a writable layer over the host's root,
 * runs one command and reports how it ended. It speaks with tests/vm/run over three virtio ports:
 * standard output, standard error, and a control port that carries the request in and lines out:
 *
 *     exit N          the command ended, with N as a shell reports it
 *     error TEXT      there was no way to run it
 *
 * The request is a length in decimal and a newline, then strings that end in NUL. The first byte of
 * each says what it is: the kernel's `t`ree of modules; `p`arameters of the next module; `m`odule file;
 * `d`irectory; `e`nvironment entry; `a`rgument of the command.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODULE_INIT_COMPRESSED_FILE 4
#define WAIT_MS_MAX                 20000
#define EXIT_NOT_EXECUTABLE         126
#define EXIT_NOT_FOUND              127

static int control = -1;

/* Ends the guest. The machine is started such that a reset ends it. */
static void __attribute__((noreturn)) finish(const char *format, ...)
{
    char    line[1024];
    va_list arguments;
    int     length;

    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    if (length > (int) sizeof(line) - 2) {
        length = sizeof(line) - 2;
    }
    line[length++] = '\n';
    sync();
    if (write(control >= 0 ? control : STDERR_FILENO, line, length) < 0) {
        perror("init: control port");
    }
    reboot(RB_AUTOBOOT);
    _exit(1);
}

static void mount_at(const char *source, const char *target, const char *type, unsigned long flags,
                     const char *data)
{
    mkdir(target, 0755);
    if (mount(source, target, type, flags, data) < 0) {
        finish("error cannot mount %s on %s: %s", type, target, strerror(errno));
    }
}

static void load_module(const char *path, const char *parameters)
{
    size_t length = strlen(path);
    int    fd     = open(path, O_RDONLY | O_CLOEXEC);
    int    flags  = strcmp(path + length - 3, ".ko") == 0 ? 0 : MODULE_INIT_COMPRESSED_FILE;

    if (fd < 0) {
        finish("error cannot open module %s: %s", path, strerror(errno));
    }
    if (syscall(SYS_finit_module, fd, parameters, flags) < 0 && errno != EEXIST) {
        finish("error cannot load module %s: %s", path, strerror(errno));
    }
    close(fd);
}

/* What is needed to reach the host: the files that /modules names, one in a line. */
static void load_modules_of_the_image(void)
{
    char  path[256];
    FILE *list = fopen("/modules", "re");

    if (list == NULL) {
        finish("error no list of modules: %s", strerror(errno));
    }
    while (fgets(path, sizeof(path), list) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        load_module(path, "");
    }
    fclose(list);
}

/* The kernel learns of the ports one by one, some time after the module has come. */
static int open_port(int number, int flags)
{
    char path[64];
    int  fd, waited_ms;

    snprintf(path, sizeof(path), "/dev/vport0p%d", number);
    for (waited_ms = 0; waited_ms < WAIT_MS_MAX; waited_ms++) {
        fd = open(path, flags | O_CLOEXEC);
        if (fd >= 0) {
            return fd;
        }
        usleep(1000);
    }
    finish("error no %s: %s", path, strerror(errno));
}

static void read_exactly(char *into, size_t length)
{
    int     waited_ms = 0;
    ssize_t n;

    while (length > 0) {
        n = read(control, into, length);
        if (n < 0 && errno != EINTR) {
            finish("error cannot read the request: %s", strerror(errno));
        }
        if (n > 0) {
            into += n;
            length -= n;
        } else if (waited_ms++ < WAIT_MS_MAX) {
            usleep(1000); /* a port reads as ended until the host's side is open */
        } else {
            finish("error no request");
        }
    }
}

static char *read_request(size_t *length)
{
    char   digits[16] = "", *request;
    size_t i;

    for (i = 0; i < sizeof(digits) - 1 && (i == 0 || digits[i - 1] != '\n'); i++) {
        read_exactly(digits + i, 1);
    }
    *length = strtoul(digits, NULL, 10);
    request = malloc(*length);
    if (request == NULL) {
        finish("error a request of %zu bytes", *length);
    }
    read_exactly(request, *length);
    return request;
}

/* The host's root, which only shows, below a layer in memory that takes what is written. */
static void enter_root(void)
{
    mount_at("host", "/host", "9p", MS_RDONLY,
             "trans=virtio,version=9p2000.L,msize=512000,cache=loose");
    mount_at("tmpfs", "/layer", "tmpfs", 0, "size=90%");
    mkdir("/layer/upper", 0755);
    mkdir("/layer/work", 0755);
    mount_at("overlay", "/new", "overlay", 0,
             "lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work");
    mount_at("proc", "/new/proc", "proc", 0, NULL);
    mount_at("sysfs", "/new/sys", "sysfs", 0, NULL);
    mount_at("devtmpfs", "/new/dev", "devtmpfs", 0, NULL);
    mount_at("devpts", "/new/dev/pts", "devpts", 0, "ptmxmode=666");
    mount_at("tmpfs", "/new/dev/shm", "tmpfs", 0, "mode=1777");
    mount_at("tmpfs", "/new/run", "tmpfs", 0, "mode=755");
    /* Not only chroot: namespaces of unprivileged users are refused inside one. */
    if (chdir("/new") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
        chdir("/") < 0) {
        finish("error cannot enter the host's root: %s", strerror(errno));
    }
}

/* Where modprobe looks, so that what the kernel asks for while it runs is found as well. */
static void link_modules(const char *tree)
{
    struct utsname name;
    char           link[sizeof(name.release) + 16];

    uname(&name);
    snprintf(link, sizeof(link), "/lib/modules/%s", name.release);
    mkdir("/lib/modules", 0755);
    if (symlink(tree, link) < 0 && errno != EEXIST) {
        finish("error cannot link %s: %s", link, strerror(errno));
    }
}

static void bring_up_loopback(void)
{
    struct ifreq request = { .ifr_name = "lo" };
    int          fd      = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0) {
        finish("error cannot bring up lo: %s", strerror(errno));
    }
    close(fd);
}

/* As on a Debian system, but for locked memory, of which RDMA and VFIO need much. */
static void set_limits(void)
{
    struct rlimit files  = { .rlim_cur = 1024, .rlim_max = 524288 };
    struct rlimit locked = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };

    setrlimit(RLIMIT_NOFILE, &files);
    setrlimit(RLIMIT_MEMLOCK, &locked);
}

/* Becomes the command, or says why not as a shell does. */
static void __attribute__((noreturn)) execute(const char *directory, char **arguments,
                                              char **environment, int out, int err)
{
    int      null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;

    setsid();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    if (chdir(directory) < 0) {
        dprintf(STDERR_FILENO, "%s: %s\n", directory, strerror(errno));
        _exit(EXIT_NOT_EXECUTABLE);
    }
    environ = environment;
    execvp(arguments[0], arguments);
    dprintf(STDERR_FILENO, "%s: %s\n", arguments[0], strerror(errno));
    _exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* Hands on what is in the pipe. False once it has nothing left for ever. */
static int forward(int from, int port)
{
    char    bytes[65536];
    ssize_t n, written, done;

    while ((n = read(from, bytes, sizeof(bytes))) > 0) {
        for (done = 0; done < n; done += written) {
            written = write(port, bytes + done, n - done);
            if (written < 0) {
                finish("error cannot hand on output: %s", strerror(errno));
            }
        }
    }
    return n < 0 && errno == EAGAIN;
}

/* Collects all children that ended. True once the command is among them. */
static int reap(pid_t command, int *status)
{
    int   one, found = 0;
    pid_t pid;

    while ((pid = waitpid(-1, &one, WNOHANG)) > 0) {
        if (pid == command) {
            *status = WIFSIGNALED(one) ? 128 + WTERMSIG(one) : WEXITSTATUS(one);
            found   = 1;
        }
    }
    return found;
}

/* Until the command has ended; what it leaves running does not hold the guest up. */
static int serve(pid_t command, const int pipes[2], const int ports[2], int signals)
{
    struct pollfd           fds[4] = { { pipes[0], POLLIN, 0 },
                                       { pipes[1], POLLIN, 0 },
                                       { signals, POLLIN, 0 },
                                       { control, 0, 0 } };
    struct signalfd_siginfo signal_info;
    int                     i, status = 0, ended = 0;

    while (!ended) {
        if (poll(fds, 4, -1) < 0) {
            continue;
        }
        if (fds[3].revents & POLLHUP) {
            finish("error the host has gone");
        }
        /* Before the last look at the pipes: what was written before the end is then in them. */
        if (fds[2].revents && read(signals, &signal_info, sizeof(signal_info)) > 0) {
            ended = reap(command, &status);
        }
        for (i = 0; i < 2; i++) {
            if ((fds[i].revents || ended) && fds[i].fd >= 0 && !forward(pipes[i], ports[i])) {
                fds[i].fd = -1;
            }
        }
    }
    return status;
}

/* Splits the request, loads the modules it names and runs its command. */
static int run(char *request, size_t length, const int ports[2])
{
    char       *at, *end = request + length, **arguments, **environment;
    const char *directory = "/", *parameters = "";
    size_t      argument_count = 0, environment_count = 0;
    int         out[2], err[2], signals;
    sigset_t    child;
    pid_t       pid;

    arguments   = calloc(length + 1, sizeof(*arguments));
    environment = calloc(length + 1, sizeof(*environment));
    if (arguments == NULL || environment == NULL) {
        finish("error a request of %zu bytes", length);
    }
    for (at = request; at < end; at += strlen(at) + 1) {
        switch (*at) {
        case 't':
            link_modules(at + 1);
            break;
        case 'p':
            parameters = at + 1;
            break;
        case 'm':
            load_module(at + 1, parameters);
            parameters = "";
            break;
        case 'd':
            directory = at + 1;
            break;
        case 'e':
            environment[environment_count++] = at + 1;
            break;
        default:
            arguments[argument_count++] = at + 1;
        }
    }

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0) {
        finish("error no pipes: %s", strerror(errno));
    }
    /* execvp looks along our own PATH. */
    environ = environment;
    pid     = fork();
    if (pid == 0) {
        execute(directory, arguments, environment, out[1], err[1]);
    }
    if (pid < 0) {
        finish("error cannot fork: %s", strerror(errno));
    }
    close(out[1]);
    close(err[1]);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(err[0], F_SETFL, O_NONBLOCK);
    return serve(pid, (int[2]) { out[0], err[0] }, ports, signals);
}

int main(void)
{
    char  *request;
    size_t length;
    int    ports[2];

    if (getpid() != 1) {
        return 1;
    }
    mount_at("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    load_modules_of_the_image();
    control  = open_port(1, O_RDWR);
    ports[0] = open_port(2, O_WRONLY);
    ports[1] = open_port(3, O_WRONLY);
    request  = read_request(&length);
    enter_root();
    bring_up_loopback();
    set_limits();
    sethostname("guest", 5);
    finish("exit %d", run(request, length, ports));
}
