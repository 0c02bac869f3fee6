/* The JSON of Centrifugo, protocol version 2. Its namespaces are those of bench/peers/centrifugo.json. Its
   signatures of tokens are not checked, as nothing checks who a user of gim is here either. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "dialect.h"

/* Write bytes in base64url, without padding, and a 0. */
static void encode(const char *bytes, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned held = 0, bits = 0;
    for (; *bytes != 0; bytes++) {
        held = held << 8 | (unsigned char)*bytes;
        for (bits += 8; bits >= 6; bits -= 6)
            *out++ = digits[held >> (bits - 6) & 63];
    }
    if (bits > 0)
        *out++ = digits[held << (6 - bits) & 63];
    *out = 0;
}

static void log_in(struct conn *c)
{
    static const char header[] = "eyJhbGciOiJIUzI1NiJ9"; /* {"alg":"HS256"} */
    char claims[64], encoded[96], text[256];
    snprintf(claims, sizeof claims, "{\"sub\":\"u%u\"}", c->id);
    encode(claims, encoded);
    int len = snprintf(text, sizeof text, "{\"id\":1,\"connect\":{\"token\":\"%s.%s.AA\"}}", header, encoded);
    net_send(c, text, len);
}

static void join(struct conn *c, const char *room)
{
    char text[256];
    int len = snprintf(text, sizeof text, "{\"id\":2,\"subscribe\":{\"channel\":\"room:%s\"}}", room);
    net_send(c, text, len);
}

/* Each user has a channel that the server has subscribed: personal:#u1 for u1. */
static void send_to(struct conn *c, enum target type, const char *target, const char *content, uint32_t seq)
{
    char text[2048];
    int len = snprintf(text, sizeof text,
                       "{\"id\":%u,\"publish\":{\"channel\":\"%s%s\",\"data\":{\"type\":%d,\"content\":\"%s\"}}}",
                       seq + 2, type == ROOM ? "room:" : "personal:#", target, type, content);
    net_send(c, text, len);
}

static int begins(const char *text, size_t len, const char *with)
{
    size_t size = strlen(with);
    return len >= size && memcmp(text, with, size) == 0;
}

static int is_push(const char *text, size_t len)
{
    return begins(text, len, "{\"push\":");
}

static int is_good(const char *text, size_t len, enum reply which)
{
    static const char *const marks[] = {",\"connect\":{", ",\"subscribe\":{", ",\"publish\":{"};
    return begins(text, len, "{\"id\":") && memmem(text, len, marks[which], strlen(marks[which])) != NULL;
}

const struct dialect centrifugo_dialect = {
    .name = "centrifugo",
    .path = "/connection/websocket",
    .log_in = log_in,
    .join = join,
    .send_to = send_to,
    .is_push = is_push,
    .is_good = is_good,
};
