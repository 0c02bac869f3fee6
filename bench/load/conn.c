#define _GNU_SOURCE
#include "conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dialect.h"

#define READ_SIZE (256 * 1024)
#define BATCH 512

uint64_t frames_in, bytes_in;
void (*on_open)(struct conn *);
double give_up_at;
int net_readable;

static int ep;
static char *inbox; /* READ_SIZE bytes, shared: what is left of a read goes to conn.rest */

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    __fpurge(stdout); /* the figures of a command that came to nothing */
    printf("{\"error\":\"");
    vprintf(format, args);
    printf("\"}\n");
    fflush(stdout);
    exit(1);
}

void net_init(void)
{
    ep = epoll_create1(EPOLL_CLOEXEC);
    inbox = malloc(READ_SIZE + 1);
    if (ep < 0 || inbox == NULL)
        fail("no epoll or no memory: %s", strerror(errno));
}

static void watch(int fd, uint32_t events, void *what, int how)
{
    struct epoll_event e = {.events = events, .data.ptr = what};
    if (epoll_ctl(ep, how, fd, &e) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

void net_watch(int fd)
{
    watch(fd, EPOLLIN, NULL, EPOLL_CTL_ADD);
}

void net_open(struct conn *c, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        fail("socket: %s (see ulimit -n)", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->state = OPENING;
    c->began = now();
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    watch(c->fd, EPOLLOUT, c, EPOLL_CTL_ADD);
}

void net_close(struct conn *c)
{
    close(c->fd);
    free(c->rest);
    free(c->sent_at);
    memset(c, 0, sizeof *c);
    c->fd = -1;
}

/* The frames are so small that the kernel takes them whole but for a server that reads nothing. */
static void write_all(struct conn *c, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(c->fd, data, len);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = c->fd, .events = POLLOUT};
            if (poll(&p, 1, 2000) == 0)
                fail("the server did not read from connection %u for 2 s", c->id);
        } else if (n < 0) {
            fail("write to connection %u: %s", c->id, strerror(errno));
        } else {
            data += n;
            len -= n;
        }
    }
}

static void send_frame(struct conn *c, int first, const char *data, size_t len)
{
    static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    char out[65536 + 8];
    size_t head = 2;
    if (len > 65000)
        fail("a message of %zu bytes is too long for this generator", len);
    out[0] = (char)first;
    if (len < 126) {
        out[1] = (char)(0x80 | len);
    } else {
        out[1] = (char)(0x80 | 126);
        out[2] = (char)(len >> 8);
        out[3] = (char)len;
        head = 4;
    }
    memcpy(out + head, mask, 4);
    head += 4;
    for (size_t i = 0; i < len; i++)
        out[head + i] = (char)(data[i] ^ mask[i & 3]);
    write_all(c, out, head + len);
}

void net_send(struct conn *c, const char *text, size_t len)
{
    send_frame(c, 0x81, text, len);
}

static void shake(struct conn *c)
{
    static const char format[] = "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    char request[sizeof format + 64];
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error)
        fail("connect: %s", strerror(error));
    c->state = SHAKING;
    watch(c->fd, EPOLLIN, c, EPOLL_CTL_MOD);
    write_all(c, request, snprintf(request, sizeof request, format, dialect->path));
}

/* Each take_ function returns how many bytes it used, 0 for "more is needed". */
static size_t take_answer(struct conn *c, const char *data, size_t len)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    if (len < 12 || memcmp(data + 9, "101", 3) != 0)
        fail("the handshake was answered with %.12s", data);
    c->state = OPEN;
    on_open(c);
    return end + 4 - data;
}

static size_t take_frame(struct conn *c, const char *data, size_t len)
{
    const unsigned char *b = (const unsigned char *)data;
    size_t head = 2, size;
    if (len < 2)
        return 0;
    size = b[1] & 127;
    if (size == 126) {
        if (len < 4)
            return 0;
        size = b[2] << 8 | b[3];
        head = 4;
    } else if (size == 127) {
        fail("a frame of 64 KiB or more came in");
    }
    if (len < head + size)
        return 0;
    if (b[0] == 0x81) {
        frames_in++;
        bytes_in += head + size;
        sort_out(c, data + head, size);
    } else if ((b[0] & 15) == 9) {
        send_frame(c, 0x8a, data + head, size);
    } else if ((b[0] & 15) == 8) {
        fail("the server closed connection %u with %d", c->id, size < 2 ? 0 : b[head] << 8 | b[head + 1]);
    } else {
        fail("a frame that begins with the byte %d came in", b[0]);
    }
    return head + size;
}

static void keep(struct conn *c, const char *data, size_t len)
{
    char *rest = NULL;
    if (len > 0) {
        rest = malloc(len);
        memcpy(rest, data, len);
    }
    free(c->rest);
    c->rest = rest;
    c->rest_len = len;
}

static void take(struct conn *c)
{
    size_t len = c->rest_len, at = 0, used;
    if (len > 0)
        memcpy(inbox, c->rest, len);
    ssize_t n = read(c->fd, inbox + len, READ_SIZE - len);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        fail("connection %u was lost: %s", c->id, n ? strerror(errno) : "end of stream");
    len += n;
    do {
        used = (c->state == OPEN ? take_frame : take_answer)(c, inbox + at, len - at);
        at += used;
    } while (used > 0 && at < len);
    if (at < len || c->rest != NULL)
        keep(c, inbox + at, len - at);
}

void net_turn(double until)
{
    struct epoll_event events[BATCH];
    int count = epoll_wait(ep, events, BATCH, 0);
    if (count == 0) { /* ppoll, as the timeout of epoll_wait is in whole milliseconds */
        struct pollfd p = {.fd = ep, .events = POLLIN};
        double at = now(), wait = (until < give_up_at ? until : give_up_at) - at;
        if (at >= give_up_at)
            fail("not done in time");
        if (wait <= 0)
            return;
        struct timespec t = {.tv_sec = (time_t)wait, .tv_nsec = (long)((wait - (time_t)wait) * 1e9)};
        ppoll(&p, 1, &t, NULL);
        count = epoll_wait(ep, events, BATCH, 0);
    }
    for (int i = 0; i < count; i++) {
        struct conn *c = events[i].data.ptr;
        if (c == NULL)
            net_readable = 1;
        else if (c->state == OPENING)
            shake(c);
        else
            take(c);
    }
}
