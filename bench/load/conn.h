/* WebSocket client connections on one epoll loop: the part of the generator that knows sockets. */
#ifndef CONN_H
#define CONN_H

#include <stddef.h>
#include <stdint.h>

#define RING 4096 /* messages of one connection that may be under way at a time */

enum state { OPENING, SHAKING, OPEN };

struct conn {
    int fd;
    enum state state;
    unsigned id;                  /* the user is "u" + this number */
    uint32_t sent, acked, pushed; /* private messages of this sender; pushed: those its peer got */
    uint32_t got_push;            /* number of the newest chatroom push */
    double began;                 /* seconds, of the connecting */
    double *sent_at;              /* RING times of sending, for those that send private messages */
    char *rest;                   /* an incomplete frame or handshake, NULL mostly */
    size_t rest_len;
};

/* What came in since the program began. */
extern uint64_t frames_in, bytes_in;

/* Called when the handshake of a connection is done, and for each message that comes in. */
extern void (*on_open)(struct conn *);
extern void (*on_text)(struct conn *, const char *text, size_t len);

extern double give_up_at; /* seconds on now(): every wait ends the program after that */

double now(void); /* seconds, monotonic */

/* Print {"error": ...} on stdout and end with status 1. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

void net_init(void);
void net_open(struct conn *c, int port);
void net_close(struct conn *c);
void net_send(struct conn *c, const char *text, size_t len);

/* Serve what is ready; wait for it until `until` (seconds on now()) at most. */
void net_turn(double until);

/* Let net_turn return early when there is something to read on fd; net_readable says if. */
void net_watch(int fd);
extern int net_readable;

#endif
