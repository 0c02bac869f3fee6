/* What differs between the protocols of servers. A command of the generator asks `dialect`, so that it
   measures each of them in the same way. Write a new one as gim.c or centrifugo.c, and name it in dialect.c. */
#ifndef DIALECT_H
#define DIALECT_H

#include <stddef.h>
#include <stdint.h>

#include "conn.h"

#define CONTENT_MOST 1000 /* bytes */
#define NUMBER_MARK "no=" /* before the number in a content */

enum reply { LOGGED_IN, JOINED, SENT };
enum target { ROOM = 1, USER = 2 };

struct dialect {
    const char *name;
    const char *path; /* of the handshake */
    void (*log_in)(struct conn *c);
    void (*join)(struct conn *c, const char *room);
    /* seq: the number of the request, which its reply repeats. */
    void (*send_to)(struct conn *c, enum target type, const char *target, const char *content, uint32_t seq);
    int (*is_push)(const char *text, size_t len);
    int (*is_good)(const char *text, size_t len, enum reply which);
};

extern const struct dialect *dialect, gim_dialect, centrifugo_dialect;

/* Take the dialect of that name; returns 0 if there is none. */
int speak(const char *name);

/* End with an error unless it is a reply of that kind that says that all went well. */
void check_reply(const char *text, size_t len, enum reply which);

/* A content of content_size bytes, valid until the next call; number_of finds its number in a push. */
const char *content_of(uint32_t number);
uint32_t number_of(const char *text, size_t len);

/* Hand the messages of a frame to on_text, one by one; answer pings. */
void sort_out(struct conn *c, const char *frame, size_t len);

#endif
