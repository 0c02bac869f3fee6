/* The least that the job can cost: a server of the benchmark's few packets that parses with memmem,
 * stores nothing, and answers from templates. Its fan-out is a plain send() loop over the sockets, the
 * floor that the others are compared with; its private messages show what the generator can drive.
 * It trusts its client (packets come whole, nobody is slow) and is of no other use.
 *
 * usage: floor PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FD 65536
#define MAX_USER 65536

static int fd_of_user[MAX_USER], user_of_fd[MAX_FD], is_open[MAX_FD];
static int members[MAX_FD], member_count;
static unsigned long long next_id = 0x0190000000000000ULL;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void send_text(int fd, const char *text, size_t len, char *frame, size_t *frame_len)
{
    size_t head = 2;
    frame[0] = (char)0x81;
    if (len < 126) {
        frame[1] = (char)len;
    } else {
        frame[1] = 126;
        frame[2] = (char)(len >> 8);
        frame[3] = (char)len;
        head = 4;
    }
    memcpy(frame + head, text, len);
    *frame_len = head + len;
    if (fd >= 0)
        send(fd, frame, *frame_len, MSG_NOSIGNAL);
}

static void reply(int fd, int op, const char *data, unsigned seq)
{
    char text[512], frame[520];
    size_t size;
    int len = snprintf(text, sizeof text,
                       "{\"op\":%d,\"body\":\"{\\\"code\\\":0,\\\"msg\\\":\\\"\\\",\\\"data\\\":{%s}}\",\"seq\":%u}", op,
                       data, seq);
    send_text(fd, text, len, frame, &size);
}

static int push_text(char *text, size_t room, int type, const char *session, const char *title,
                     int sender, int content_len, const char *content)
{
    return snprintf(text, room,
                    "{\"op\":207,\"body\":\"{\\\"session\\\":{\\\"id\\\":\\\"%s\\\",\\\"type\\\":%d,\\\"title\\\":\\\"%s\\\"},"
                    "\\\"items\\\":[{\\\"id\\\":\\\"%032llx\\\",\\\"session_id\\\":\\\"%s\\\",\\\"sender\\\":{\\\"id\\\":\\\"u%d\\\","
                    "\\\"name\\\":\\\"u%d\\\"},\\\"category\\\":\\\"text\\\",\\\"content\\\":\\\"%.*s\\\",\\\"sequence\\\":0,"
                    "\\\"status\\\":1,\\\"created_at\\\":1800000000000}],\\\"skipped\\\":0}\",\"seq\":0}",
                    session, type, title, ++next_id, session, sender, sender, content_len, content);
}

static void on_send(int fd, char *text, size_t len)
{
    static const char want[3][20] = {"\\\"target_id\\\":\\\"", "\\\"content\\\":\\\"", "\"seq\":"};
    char *part[3], session[64], title[80], data[200], push[2048], frame[2060];
    size_t size;
    for (int i = 0; i < 3; i++) {
        part[i] = memmem(text, len, want[i], strlen(want[i]));
        if (part[i] == NULL)
            return;
        part[i] += strlen(want[i]);
    }
    int sender = user_of_fd[fd], content_len = (int)(strchr(part[1], '\\') - part[1]);
    if (memmem(text, len, "\\\"type\\\":1", 10) != NULL) {
        snprintf(session, sizeof session, "1:%.*s", (int)strcspn(part[0], "\\"), part[0]);
        snprintf(title, sizeof title, "chatroom%s", session + 1);
        len = push_text(push, sizeof push, 1, session, title, sender, content_len, part[1]);
        send_text(-1, push, len, frame, &size);
        for (int i = 0; i < member_count; i++)
            send(members[i], frame, size, MSG_NOSIGNAL);
    } else {
        int to = atoi(part[0] + 1);
        snprintf(session, sizeof session, "2:u%d:u%d", sender, to);
        snprintf(title, sizeof title, "u%d", sender);
        len = push_text(push, sizeof push, 2, session, title, sender, content_len, part[1]);
        if (to >= 0 && to < MAX_USER && fd_of_user[to] > 0)
            send_text(fd_of_user[to], push, len, frame, &size);
    }
    snprintf(data, sizeof data,
             "\\\"id\\\":\\\"%032llx\\\",\\\"session_id\\\":\\\"%s\\\",\\\"sequence\\\":0,\\\"created_at\\\":1800000000000",
             next_id, session);
    reply(fd, 202, data, strtoul(part[2], NULL, 10));
}

static void on_packet(int fd, char *text, size_t len)
{
    int op = atoi(text + 6);
    if (op == 101) {
        const char *id = memmem(text, len, "\\\"u", 3);
        user_of_fd[fd] = id ? atoi(id + 3) % MAX_USER : 0;
        fd_of_user[user_of_fd[fd]] = fd;
        reply(fd, 102, "\\\"missed\\\":0", 1);
    } else if (op == 301) {
        members[member_count++ % MAX_FD] = fd;
        reply(fd, 302, "\\\"session_id\\\":\\\"1:1\\\",\\\"total\\\":1", 1);
    } else if (op == 201) {
        on_send(fd, text, len);
    }
}

static size_t unmask(unsigned char *b, size_t len, char **text, size_t *size)
{
    size_t head = 6;
    if (len < 8)
        return 0;
    *size = b[1] & 127;
    if (*size == 126) {
        *size = b[2] << 8 | b[3];
        head = 8;
    }
    if (len < head + *size)
        return 0;
    for (size_t i = 0; i < *size; i++)
        b[head + i] ^= b[head - 4 + (i & 3)];
    *text = (char *)b + head;
    return head + *size;
}

static void drop(int fd)
{
    int kept = 0;
    for (int i = 0; i < member_count; i++)
        if (members[i] != fd)
            members[kept++] = members[i];
    member_count = kept;
    is_open[fd] = 0;
    close(fd);
}

static void take(int fd)
{
    static const char hello[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"; /* of the one key that load sends */
    static char in[65537];
    ssize_t len = recv(fd, in, sizeof in - 1, 0);
    size_t used, at = 0, size;
    char *text;
    if (len <= 0) {
        drop(fd);
    } else if (!is_open[fd]) {
        is_open[fd] = 1;
        send(fd, hello, sizeof hello - 1, MSG_NOSIGNAL);
    } else {
        in[len] = 0;
        while ((used = unmask((unsigned char *)in + at, len - at, &text, &size)) > 0) {
            on_packet(fd, text, size);
            at += used;
        }
    }
}

static int listen_on(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 1024) < 0)
        die("listen");
    return fd;
}

static void add(int ep, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    if (fd >= MAX_FD || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0)
        die("epoll_ctl");
}

int main(int argc, char **argv)
{
    struct epoll_event events[256];
    int ep = epoll_create1(0), on = 1, listener = listen_on(argc > 1 ? atoi(argv[1]) : 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    add(ep, listener);
    for (;;) {
        int count = epoll_wait(ep, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (fd < 0)
                    die("accept");
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                add(ep, fd);
            } else {
                take(fd);
            }
        }
    }
}
