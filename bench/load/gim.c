/* The JSON of docs/protocol.md, which the servers of bench/peers speak too. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialect.h"

static void log_in(struct conn *c)
{
    char text[128];
    int len = snprintf(text, sizeof text, "{\"op\":101,\"body\":\"{\\\"id\\\":\\\"u%u\\\"}\",\"seq\":1}", c->id);
    net_send(c, text, len);
}

static void join(struct conn *c, const char *room)
{
    char text[256];
    int len = snprintf(text, sizeof text, "{\"op\":301,\"body\":\"{\\\"id\\\":\\\"%s\\\"}\",\"seq\":1}", room);
    net_send(c, text, len);
}

static void send_to(struct conn *c, enum target type, const char *target, const char *content, uint32_t seq)
{
    char text[2048];
    int len = snprintf(text, sizeof text,
                       "{\"op\":201,\"body\":\"{\\\"type\\\":%d,\\\"target_id\\\":\\\"%s\\\","
                       "\\\"content\\\":\\\"%s\\\"}\",\"seq\":%u}",
                       type, target, content, seq);
    net_send(c, text, len);
}

/* Every server of this dialect writes op first, as in {"op":202,... */
static int op_of(const char *text, size_t len)
{
    return len > 9 && memcmp(text, "{\"op\":", 6) == 0 ? atoi(text + 6) : -1;
}

static int is_push(const char *text, size_t len)
{
    return op_of(text, len) == 207;
}

static int is_good(const char *text, size_t len, enum reply which)
{
    static const int ops[] = {102, 302, 202};
    return op_of(text, len) == ops[which] && memmem(text, len, "\\\"code\\\":0,", 11) != NULL;
}

const struct dialect gim_dialect = {
    .name = "gim",
    .path = "/",
    .log_in = log_in,
    .join = join,
    .send_to = send_to,
    .is_push = is_push,
    .is_good = is_good,
};
