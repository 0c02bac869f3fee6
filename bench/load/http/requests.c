/* The load generator of HTTP: keep-alive connections, each with one request in flight. One thread, one
 * epoll, 127.0.0.1 only. What it sends is in a file: requests as they go over the wire, each behind a
 * line with its length in bytes. Connection n sends the n-th of them again and again. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "../samples.h"

#define MAX_ANSWER (1 << 20)
#define PATIENCE 30.0 /* seconds without an answer until it gives up */

struct conn {
    int fd;
    double sent_at;
    char *answer; /* MAX_ANSWER bytes, of which `have` are there */
    size_t have;
};

struct request {
    char *bytes;
    size_t length;
};

static struct conn *conns;
static struct request *requests;
static unsigned count, kinds;
static int poller;

_Noreturn void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("{\"error\":\"");
    vprintf(format, arguments);
    printf("\"}\n");
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void open_all(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    poller = epoll_create1(0);
    conns = calloc(count, sizeof *conns);
    for (unsigned i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        int on = 1;
        conns[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        conns[i].answer = malloc(MAX_ANSWER);
        if (connect(conns[i].fd, (struct sockaddr *)&to, sizeof to) < 0)
            fail("no connection to port %d", port);
        setsockopt(conns[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_ctl(poller, EPOLL_CTL_ADD, conns[i].fd, &event);
    }
}

static void read_requests(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t length;
    if (file == NULL)
        fail("%s can't be read", path);
    for (kinds = 0; fscanf(file, "%zu", &length) == 1; kinds++) {
        getc(file); /* the end of that line */
        requests = realloc(requests, (kinds + 1) * sizeof *requests);
        requests[kinds].bytes = malloc(length);
        requests[kinds].length = length;
        if (fread(requests[kinds].bytes, 1, length, file) != length)
            fail("%s is cut short", path);
    }
    fclose(file);
}

static void send_request(struct conn *c)
{
    const struct request *r = &requests[(c - conns) % kinds];
    c->sent_at = now();
    c->have = 0;
    for (size_t sent = 0; sent < r->length;) { /* blocks while the server does not read: then it is busy */
        ssize_t n = send(c->fd, r->bytes + sent, r->length - sent, MSG_NOSIGNAL);
        if (n <= 0)
            fail("a request was not taken");
        sent += n;
    }
}

/* Bodies of success begin so at gim and at Centrifugo. */
static int is_success(const char *body)
{
    return strncmp(body, "{\"code\":0,", 10) == 0 || strncmp(body, "{\"result\":{", 11) == 0;
}

/* Whether the answer is complete; anything but a success ends the program. */
static int is_complete(struct conn *c)
{
    char *body, *field;
    c->answer[c->have] = 0;
    body = strstr(c->answer, "\r\n\r\n");
    if (body == NULL)
        return 0;
    body += 4;
    field = strcasestr(c->answer, "\r\nContent-Length:");
    if (field == NULL || field > body)
        fail("an answer without Content-Length");
    if (c->have < (size_t)(body - c->answer) + strtoul(field + 17, NULL, 10))
        return 0;
    if (strncmp(c->answer, "HTTP/1.1 200 ", 13) != 0 || !is_success(body))
        fail("not a success: %.12s", c->answer);
    return 1;
}

static void run(double seconds)
{
    struct samples took = {0};
    struct epoll_event events[256];
    uint64_t answers = 0;
    double began = now(), used = cpu(), end = began + seconds, wall;
    unsigned waiting = count;
    for (unsigned i = 0; i < count; i++)
        send_request(&conns[i]);
    while (waiting > 0) {
        int n = epoll_wait(poller, events, 256, (int)(PATIENCE * 1000));
        if (n <= 0)
            fail("no answer for %.0f s", PATIENCE);
        for (int i = 0; i < n; i++) {
            struct conn *c = &conns[events[i].data.u32];
            ssize_t got = recv(c->fd, c->answer + c->have, MAX_ANSWER - 1 - c->have, 0);
            if (got <= 0)
                fail("a connection was closed");
            c->have += got;
            if (!is_complete(c))
                continue;
            answers++;
            samples_add(&took, now() - c->sent_at);
            if (now() < end)
                send_request(c);
            else
                waiting--;
        }
    }
    wall = now() - began;
    printf("{");
    samples_print(&took, "answer_us");
    printf("\"answers\":%llu,\"wall_s\":%.6f,\"generator_cpu_s\":%.6f}\n", (unsigned long long)answers, wall,
           cpu() - used);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char path[4096];
    double seconds;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlive whoever started this */
    if (argc != 3 || (count = atoi(argv[2])) == 0) {
        fputs("usage: requests PORT CONNECTIONS\nReads lines FILE SECONDS from stdin, sends the requests in\n"
              "FILE for so long, and prints a JSON object for each.\n",
              stderr);
        return 2;
    }
    open_all(atoi(argv[1]));
    while (scanf("%4095s %lf", path, &seconds) == 2) {
        read_requests(path);
        run(seconds);
    }
    return 0;
}
